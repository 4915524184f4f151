"""What a test of the lab asks of the recorder."""

from types import SimpleNamespace
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.wait import DeadlineError
from harness.lab import addresses
from harness.stack import views
from harness.stack.views import Receipts
from tests.unit.harness.test_proof import DOWN, at, everybody, pager, slack

LINES = "High CPU on shop\n:white_check_mark: CriticalErrorRate on shop is over: 10:00 to 10:03, 3m"


class Recorder:
    """What one message left in the recorder."""

    def requests(self, after: int) -> list[dict[str, Any]]:
        body = {"attachments": [{"title": "[FIRING] HighCpuUsage on shop", "text": LINES}]}
        return [{"receiver": "slack", "headers": {"user-agent": "Alertmanager/0.28"}, "body": body}]


def test_end_that_is_told_beside_another_alert_is_not_told_as_firing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "receivers", Recorder)
    receipts = Receipts(lambda alert: pytest.fail(f"no limit of {alert} is asked for"))

    assert len(receipts.told_firing("HighCpuUsage")) == 1
    assert receipts.told_firing("CriticalErrorRate") == []


def told() -> list[dict[str, Any]]:
    """What its receivers hear while HostDown fires."""
    return [record for record in everybody() if record["at"] < at(20)]


def receipts_of(records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Receipts:
    """The receivers after HostDown fired, with what they were told of it."""
    routes = (REPO / "monitoring" / "alertmanager.yml").read_text()
    alertmanager = SimpleNamespace(configuration=lambda: routes, alerts=lambda **_: [{"labels": DOWN}])
    recorder = SimpleNamespace(requests=lambda after: records)
    monkeypatch.setattr(addresses, "alertmanager", lambda: alertmanager)
    monkeypatch.setattr(addresses, "receivers", lambda: recorder)
    monkeypatch.setattr(views, "SETTLE_S", 0)
    return Receipts(lambda _: SimpleNamespace(notified=0.01))  # type: ignore[arg-type, return-value]


def test_each_receiver_was_told_once_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts_of(told(), monkeypatch).exactly("HostDown")


@pytest.mark.parametrize(
    "more",
    [
        slack("#mita-finance", "HostDown", "CRITICAL", at(15)),
        slack("#mita-incidents", "HostDown", "CRITICAL", at(40)),
        {**pager("trigger", at(15)), "valid": False, "problems": ["'summary' is blank"]},
    ],
    ids=["a stranger", "twice", "refused"],
)
def test_one_message_too_many_fails(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="expected only the receivers of HostDown"):
        receipts_of([*told(), more], monkeypatch).exactly("HostDown")


def test_one_message_too_few_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeadlineError, match="every receiver of HostDown"):
        receipts_of(told()[1:], monkeypatch).exactly("HostDown")
