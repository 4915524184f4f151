"""What lint, unit tests and mutants say becomes the row of exactly the alert that it is about."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from harness.incident.patience import routing
from harness.proof import on_paper
from harness.proof.marks import Mark
from monitoring.catalog import load
from ruletools.house.files import RULES
from ruletools.house.loading import load_files
from ruletools.lint.findings import Finding, Level
from ruletools.ruleset import located, name_of

FILES = load_files()
NAMES = ["HostDown", "HostFlapping", "RedisDown"]


def line_of(alert: str) -> int:
    return next(each.file.line(each.index) for each in located(FILES) if name_of(each.rule) == alert)


@pytest.mark.parametrize("more", [0, 3])
def test_a_finding_is_its_alerts(more: int) -> None:
    finding = Finding("monitoring/rules/host.rules.yml", line_of("HostDown") + more, "no owner", "add one")

    steps, elsewhere = on_paper.linted(NAMES, [finding], FILES)

    assert {name: step.mark for name, step in steps.items()} == {
        "HostDown": Mark.NO,
        "HostFlapping": Mark.YES,
        "RedisDown": Mark.YES,
    }
    assert "no owner" in steps["HostDown"].why and elsewhere == ()


def test_a_page_is_its_alerts_and_a_route_is_nobodys() -> None:
    page = Finding("docs/runbooks/RedisDown.md", 1, "no command", "add one")
    route = Finding("monitoring/alertmanager.yml", 7, "unknown receiver", "name one")
    warned = Finding("monitoring/alertmanager.yml", 9, "long", "shorten it", Level.WARNING)

    steps, elsewhere = on_paper.linted(NAMES, [page, route, warned], FILES)

    assert [name for name, step in steps.items() if step.mark is Mark.NO] == ["RedisDown"]
    assert len(elsewhere) == 1 and "unknown receiver" in elsewhere[0]


def test_a_finding_about_a_recorded_series_or_a_page_of_no_alert_is_nobodys_and_fails_the_run() -> None:
    recorded = next(each for each in located(FILES) if "record" in each.rule)
    line = recorded.file.line(recorded.index)
    series = Finding(str(recorded.file.path.relative_to(REPO)), line, "two moments", "take one")
    page = Finding("docs/runbooks/NoSuchAlert.md", 1, "no alert", "remove it")

    _, elsewhere = on_paper.linted(NAMES, [series, page], FILES)

    assert len(elsewhere) == 2


def test_tests_that_fail_show_too_little_or_are_not_there_are_told_apart() -> None:
    assert on_paper.tested({"groups": 2, "failing": []}, ()).mark is Mark.YES
    assert "failed: HostDown" in on_paper.tested({"groups": 2, "failing": ["HostDown"]}, ()).why
    assert "no unit test shows: moment" in on_paper.tested({"groups": 2, "failing": []}, ("moment",)).why
    assert "no unit test asks" in on_paper.tested({"groups": 0, "failing": []}, ()).why


def test_mutants_that_nobody_asked_about_are_no_proof_and_no_failure() -> None:
    assert on_paper.mutated({}).mark is Mark.UNASKED
    assert on_paper.mutated({"killed": 9, "excused": 0, "survived": []}).mark is Mark.YES
    lives = on_paper.mutated({"killed": 9, "excused": 0, "survived": ["> became >="]})
    assert lives.mark is Mark.NO and "> became >=" in lives.why
    assert on_paper.mutated({"killed": 0, "excused": 3, "survived": []}).mark is Mark.NO


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"groups": 1}',
        '{"groups": 1, "failing": ["x"]}',
        '{"groups": 1, "failing": [], "killed": 1}',
    ],
)
def test_what_was_kept_and_is_torn_or_failed_is_asked_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)

    assert on_paper._kept(tmp_path / "kept.json") == {}


def test_a_place_where_nothing_can_be_kept_stops_nobody(tmp_path: Path) -> None:
    good = {"groups": 1, "failing": []}
    (tmp_path / "file").write_text("")
    on_paper._write_down(tmp_path / "file" / "kept.json", good)
    on_paper._write_down(tmp_path / "kept.json", good)

    assert on_paper._kept(tmp_path / "file" / "kept.json") == {}
    assert on_paper._kept(tmp_path / "kept.json") == good


def test_another_promtool_is_another_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    def paths() -> list[Path]:
        return list(on_paper._Known({"HostDown": ()})._paths.values())

    before = paths()
    assert paths() == before
    monkeypatch.setattr(on_paper, "_version", lambda: "promtool, version 9")
    assert paths() != before


def at(config: Any, wanted: str) -> Any:
    """The first route below the top that has this receiver."""
    return next(route for route in config["route"]["routes"] if route["receiver"] == wanted)


def removed(config: Any) -> None:
    config["route"]["routes"].remove(at(config, "slack-security"))


def widened(config: Any) -> None:
    at(config, "slack-finance")["matchers"] = []


def misspelt(config: Any) -> None:
    at(config, "slack-finance")["receiver"] = "slack-finanse"


def moved(config: Any) -> None:
    found = next(one for one in config["receivers"] if one["name"] == "slack-finance")
    found["slack_configs"][0]["channel"] = "#mita-finanse"


ALERTS = load(RULES)
TOLD = on_paper.TOLD.read_text()


@pytest.mark.parametrize(
    ("broken", "red", "green"),
    [
        (removed, "AuthFailureSpike", "RevenueSilence"),
        (widened, "HostDown", "RevenueSilence"),
        (misspelt, "RevenueSilence", "HostDown"),
        (moved, "RevenueSilence", "HostDown"),
    ],
)
def test_a_route_that_leads_elsewhere_than_was_agreed_turns_the_rows_of_its_alerts(
    broken: Callable[[Any], None], red: str, green: str
) -> None:
    assert on_paper.misled(ALERTS, routing(), TOLD) == {}

    config = deepcopy(routing())
    broken(config)
    found = on_paper.misled(ALERTS, config, TOLD)

    assert red in found and green not in found
    assert found[red].mark is Mark.NO and "who-is-told.md" in found[red].why


def test_an_alert_that_is_not_on_the_page_of_who_is_told_is_red() -> None:
    without = "".join(line for line in TOLD.splitlines(keepends=True) if not line.startswith("| HostDown "))

    found = on_paper.misled(ALERTS, routing(), without)

    assert found.keys() == {"HostDown"} and "which has none" in found["HostDown"].why
