"""The order in which the faults of a batch come and go."""

from pathlib import Path

import pytest
import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults.fault import Fault, faults
from harness.lab import addresses
from harness.proof import batch, watching
from harness.stack import released
from monitoring.catalog import load
from ruletools.house.files import RULES

ALERTS = {alert.name: alert for alert in load(RULES)}
ENTRY = "{{release: {0} fails., proves: [CriticalErrorRate], deploys: healthy, batch: releases{1}}}"


class Silent:
    """A Prometheus in which nothing fires."""

    def alerts(self) -> list[dict[str, str]]:
        return []


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done with which fault; every fault is over as soon as it is there."""
    done: list[str] = []
    routes = yaml.safe_load((REPO / "monitoring" / "alertmanager.yml").read_text())
    monkeypatch.setattr(watching, "configuration", lambda: routes)
    monkeypatch.setattr(
        "harness.proof.batch.policy_in_force", lambda: {"cooldown": 40.0, "verification_timeout": 6.0}
    )
    monkeypatch.setattr(released, "inject", lambda fault: done.append(f"{fault.name} begins"))
    monkeypatch.setattr(released, "undo", lambda fault: done.append(f"{fault.name} ends"))
    monkeypatch.setattr(batch, "LOOK_S", 0.001)
    monkeypatch.setattr(addresses, "prometheus", Silent)
    monkeypatch.setattr(batch.Batch, "_heard", lambda *_: True)
    monkeypatch.setattr(batch.Batch, "_is_over", lambda *_: True)
    return done


def played(tmp_path: Path) -> None:
    entries = {"third": ", follows: second", "second": ", follows: first", "first": "", "beside": ""}
    text = "".join(f"{name}: {ENTRY.format(name, more)}\n" for name, more in entries.items())
    (tmp_path / "some.yml").write_text(text)
    chosen: list[Fault] = list(faults(tmp_path).values())
    batch.Batch(chosen, ALERTS, 15, lambda _: None)._each_until_told()


def test_a_fault_that_follows_another_begins_when_that_one_was_undone(
    events: list[str], tmp_path: Path
) -> None:
    played(tmp_path)

    assert events[:2] == ["first begins", "beside begins"]
    order = ("first ends", "second begins", "second ends", "third begins", "third ends")
    assert [event for event in events if event in order] == list(order)
    assert len(events) == 8


def test_one_that_cannot_begin_holds_up_no_other(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fault: Fault) -> None:
        raise UserError("expected a host")

    monkeypatch.setattr(released, "inject", refuse)
    played(tmp_path)

    assert sorted(events) == ["beside ends", "first ends", "second ends", "third ends"]
