"""Who is called when, and what that can keep; the levels and promises of the requirements."""

from pathlib import Path

import pytest
import yaml

from devtools.paths import REPO
from harness.cli import main
from harness.notify.called import lines
from monitoring.catalog import load
from monitoring.errors import CatalogError
from monitoring.escalation import SOURCE, Paged, Promise, late, needed_share, paged, read, steps
from monitoring.yaml_text import read_yaml

TEXT = SOURCE.read_text()
DATA = read(TEXT)
CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
PAGED = {one.name: one for one in paged(load(REPO / "monitoring" / "rules"), CONFIG)}


def test_the_requirements_are_kept() -> None:
    assert [(one.name, one.after) for one in DATA.levels] == [("L1", 0), ("L2", 5), ("L3", 10), ("L4", 15)]
    assert DATA.promised == {"error": Promise(5, 15), "critical": Promise(2, 10)}


def test_page_comes_after_for_and_the_groups_wait() -> None:
    found = PAGED["CriticalErrorRate"]

    assert (found.soonest, found.latest, found.muted) == (2.5, 3.0, False)
    assert "HostHighCpu" not in PAGED  # a warning pages nobody


def test_no_page_is_muted() -> None:
    assert [one.name for one in PAGED.values() if one.muted] == []


@pytest.mark.parametrize(
    ("promise", "share"), [(5, 0.2), (2, 0.8), (6, 0.0), (9, 0.0), (1, float("inf")), (0.5, float("inf"))]
)
def test_first_level_must_answer_what_the_second_would_be_late_for(promise: float, share: float) -> None:
    assert needed_share(DATA, Promise(promise, 60)) == pytest.approx(share)


@pytest.mark.parametrize(("soonest", "is_late"), [(8.9, False), (9.0, True), (30, True)])
def test_page_that_comes_too_late_cannot_be_resolved_in_time(soonest: float, is_late: bool) -> None:
    one = Paged("x", "critical", soonest, soonest + 0.5, muted=False)

    assert late(DATA, Promise(2, 10), one) == is_late
    assert any("x pages" in line for line in lines(DATA, Promise(2, 10), [one])) == is_late


@pytest.mark.parametrize(
    "change",
    [
        ("after: 0", "after: 1"),
        ("after: 10", "after: 5"),
        ("level: L2", "level: L1"),
        ("after: 15", "after: soon"),
        ("levels:", "steps:"),
        ("levels:", "levels: ["),
    ],
)
def test_levels_that_nobody_could_call_are_refused(change: tuple[str, str]) -> None:
    with pytest.raises(CatalogError, match=r"^escalation: expected"):
        read(TEXT.replace(*change))


def test_command_says_what_can_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "escalation"]) == 0

    said = capsys.readouterr().out
    assert "(MTTA): only while L1 answers at least 80% of the pages itself" in said
    assert "L2 is called after 5 min: too late for that page" in said


def test_promise_that_cannot_be_kept_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "escalation.yml"
    file.write_text(TEXT.replace("answers_in: 1", "answers_in: 2"))

    assert main(["notify", "escalation", "--data", str(file)]) == 1
    assert "never: who is called needs 2 min" in capsys.readouterr().out


def test_severity_that_pages_without_a_promise_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = read_yaml(TEXT)
    del data["promised"]["error"]
    file = tmp_path / "escalation.yml"
    file.write_text(yaml.safe_dump(data))

    assert main(["notify", "escalation", "--data", str(file)]) == 0
    assert "alerts page and nothing is promised of them: " in capsys.readouterr().out


def with_calls(*calls: list[str], after: tuple[float, ...] = (0, 5, 15)) -> str:
    data = read_yaml(TEXT)
    data["levels"] = [
        {"level": f"L{number}", "after": minutes, "calls": one}
        for number, (minutes, one) in enumerate(zip(after, calls, strict=False), 1)
    ]
    return yaml.safe_dump(data)


def test_each_level_has_until_the_next_one_and_the_last_as_long_as_the_one_before() -> None:
    found = steps(read(with_calls(["first"], ["second"], [" a@example.org "])))

    assert [(one["level"], one["minutes"], one["calls"]) for one in found] == [
        ("L1", 5, ["first"]),
        ("L2", 10, ["second"]),
        ("L3", 10, ["a@example.org"]),
    ]
    assert [one["minutes"] for one in steps(read(with_calls(["first"])))] == [30]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT, "found none for L1, L2, L3, L4"),
        (with_calls(["a"], [], ["b"]), "found none for L2"),
        (with_calls(["a"], ["b"], after=(0, 2.5)), "whole minutes between levels, found 2.5"),
    ],
)
def test_what_cannot_be_applied_is_named(text: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        steps(read(text))


@pytest.mark.parametrize("calls", ["calls: first", "calls: [1]", "calls: ['']"])
def test_calls_are_a_list_of_names(calls: str) -> None:
    with pytest.raises(CatalogError, match="expected calls of L1 to be a list"):
        read(TEXT.replace("level: L1,", f"level: L1, {calls},"))
