"""What is recorded as proven stands only as long as its rule; what a change touches is proven again."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.proof import record
from harness.proof.touched import touched
from monitoring.catalog import load
from ruletools.cases import reads
from ruletools.house.files import RULES

ALERTS = {alert.name: alert for alert in load(RULES)}
CATALOGUE = "harness/faults/catalogue/hosts.yml"


def test_a_proof_is_of_one_rule(tmp_path: Path) -> None:
    path, badge = tmp_path / "proven.yml", tmp_path / "proven.svg"
    words = record.add(["HostDown", "RedisDown"], ALERTS, path, badge)
    assert words == f"2 of {len(ALERTS)} alerts are recorded as proven in proven.yml"
    assert record.standing(record.read(path), ALERTS) == ["HostDown", "RedisDown"]

    stricter = {**ALERTS, "HostDown": replace(ALERTS["HostDown"], for_ms=1)}
    assert record.standing(record.read(path), stricter) == ["RedisDown"]
    record.add([], stricter, path, badge)

    assert list(record.read(path)) == ["RedisDown"]
    title = ET.fromstring(badge.read_text())[0]  # noqa: S314 - ours
    assert title.text == f"alerts proven live: 1 of {len(ALERTS)}"


def test_what_was_proven_once_and_did_not_hold_now_is_recorded_no_more(tmp_path: Path) -> None:
    path, badge = tmp_path / "proven.yml", tmp_path / "proven.svg"
    record.add(["HostDown", "RedisDown"], ALERTS, path, badge)

    record.add([], ALERTS, path, badge, refuted=["HostDown", "PostgresDown"])

    assert [*record.read(path)] == ["RedisDown"]


def test_words_of_a_rule_are_no_part_of_its_proof() -> None:
    rule = ALERTS["HostDown"]
    assert record.digest(replace(rule, annotations={"summary": "another"})) == record.digest(rule)
    assert record.digest(replace(rule, labels={**rule.labels, "severity": "info"})) != record.digest(rule)


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "proven.yml"
    path.write_text("HostDown: yesterday\n")
    with pytest.raises(UserError, match=r"HostDown: expected \{day: DAY, rule: DIGEST\}, found 'yesterday'"):
        record.read(path)
    assert record.read(tmp_path / "none.yml") == {}


def test_a_change_touches_what_it_is_about() -> None:
    assert touched(ALERTS, {"HostDown", "some:recorded:series"}, [], lambda _: "") == ["HostDown"]
    pages = ["docs/runbooks/RedisDown.md", "README.md", "monitoring/rules/host.rules.yml"]
    assert touched(ALERTS, set(), pages, lambda _: "") == ["RedisDown"]


@pytest.mark.parametrize(
    "path",
    [
        "monitoring/alertmanager.yml",
        "monitoring/templates/mita.tmpl",
        "monitoring/delivery/digest.py",
        "roles/prometheus/tasks/main.yml",
        "application/main.py",
        "relay/sender.py",
        "harness/proof/rungs.py",
    ],
)
def test_what_every_alert_depends_on_touches_all(path: str) -> None:
    assert touched(ALERTS, set(), [path], lambda _: "") == list(ALERTS)


def test_the_daemon_touches_what_it_decides_about_and_what_is_about_it() -> None:
    found = touched(ALERTS, set(), ["rollback/domain/guards.py"], lambda _: "")

    assert {"CriticalErrorRate", "RollbackFailed"} <= {*found} and "HostDiskSpaceLow" not in found


def test_receivers_and_commands_are_part_of_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    before = record.digest(ALERTS["HostDown"])
    monkeypatch.setattr(record, "_commands", dict)
    without = record.digest(ALERTS["HostDown"])
    monkeypatch.setattr(
        record, "_routing", lambda: {"route": {"receiver": "all"}, "receivers": [{"name": "all"}]}
    )

    assert len({before, without, record.digest(ALERTS["HostDown"])}) == 3


def test_a_fault_that_changed_touches_its_alerts() -> None:
    now = (REPO / CATALOGUE).read_text()
    assert touched(ALERTS, set(), [CATALOGUE], lambda _: now) == []
    assert "HostDiskSpaceLow" in touched(ALERTS, set(), [CATALOGUE], lambda _: "")
    every = touched(ALERTS, set(), ["harness/faults/helpers.sh"], lambda _: "")
    assert touched(ALERTS, set(), ["harness/faults/programs.yml"], lambda _: "") == every
    assert {"HostDiskSpaceLow", "RedisDown"} <= set(every)


def test_the_badge_says_what_the_record_and_the_rules_say() -> None:
    recorded = record.read()
    standing = record.standing(recorded, ALERTS)
    mend = "`python -m harness.proof.record` has the record and its badge follow the rules"
    assert sorted(recorded) == sorted(standing), f"expected proofs of the rules as they are; {mend}"
    assert record.BADGE.read_text() == record.picture(len(standing), len(ALERTS)), mend


def test_a_recording_behind_a_rule_is_part_of_its_proof() -> None:
    rule = next(one for one in ALERTS.values() if reads(one) & one.recordings.keys())
    name = min(reads(rule) & rule.recordings.keys())
    other = {**rule.recordings, name: replace(rule.recordings[name], expr="vector(1)")}

    assert record.digest(replace(rule, recordings=other)) != record.digest(rule)
