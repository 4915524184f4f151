"""Every alert has exactly one way in which the bench makes it fire."""

from pathlib import Path

import pytest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults.causes import CAUSES, load
from harness.faults.fault import CATALOGUE, faults
from harness.faults.kinds import Kind
from harness.lab.hosts import HOSTS
from monitoring.catalog import load as load_alerts

ALERTS = [alert.name for alert in load_alerts(REPO / "monitoring" / "rules")]


def test_every_alert_has_one_cause_and_there_is_no_orphan() -> None:
    written = [line.partition(":")[0] for line in CAUSES.read_text().splitlines() if line[:1].isalpha()]
    others = [alert for fault in faults().values() if not fault.deploys for alert in fault.proves]
    released = {alert for fault in faults().values() if fault.deploys for alert in fault.proves}
    proven = [*others, *(released - {*others})]  # one that rolls back has a release to blame besides

    assert sorted([*written, *proven]) == sorted(ALERTS), (
        f"expected each alert in one fault of {CATALOGUE} or else in {CAUSES}, "
        f"found others, none or both: {sorted(set(written) ^ set(proven) ^ set(ALERTS))}"
    )
    assert set(load()) == set(ALERTS)


def test_a_fault_names_alerts_and_hosts_that_there_are() -> None:
    for fault in faults().values():
        assert set(fault.may) <= set(ALERTS), fault.name
        assert set(fault.hosts) <= {host.name for host in HOSTS}, fault.name
        assert not set(fault.may) & set(fault.proves), fault.name


def test_a_cause_is_a_sentence_of_its_own() -> None:
    proven = {alert for fault in faults().values() for alert in fault.proves}
    sentences = [fault.does for fault in faults().values()]
    sentences += [cause.how for alert, cause in load().items() if alert not in proven]

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
