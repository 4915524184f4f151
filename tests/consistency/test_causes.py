"""Every alert has exactly one way in which the bench makes it fire."""

from pathlib import Path

import pytest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults.causes import CAUSES, Kind, load
from monitoring.catalog import load as load_alerts

ALERTS = [alert.name for alert in load_alerts(REPO / "monitoring" / "rules")]


def test_every_alert_has_one_cause_and_there_is_no_orphan() -> None:
    written = [line.partition(":")[0] for line in CAUSES.read_text().splitlines() if line[:1].isalpha()]

    assert sorted(written) == sorted(ALERTS), (
        f"expected one entry per alert in {CAUSES}, found others or none: {set(written) ^ set(ALERTS)}"
    )
    assert set(load()) == set(ALERTS)


def test_a_cause_is_a_sentence_of_its_own() -> None:
    sentences = [cause.how for cause in load().values()]

    assert len(set(sentences)) == len(sentences)
    assert all(len(sentence) > 15 for sentence in sentences)


def test_every_kind_is_in_use() -> None:
    assert {cause.kind for cause in load().values()} == set(Kind)


@pytest.mark.parametrize(
    "entry", ["{wish: A thing happens.}", "{app: No full stop}", "{app: A., kill: B.}", "app"]
)
def test_an_entry_that_is_no_cause_is_named(entry: str, tmp_path: Path) -> None:
    (tmp_path / "causes.yml").write_text(f"HostDown: {entry}\n")

    with pytest.raises(UserError, match="HostDown: expected"):
        load(tmp_path / "causes.yml")
