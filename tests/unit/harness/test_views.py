"""What a test of the lab asks of the recorder."""

from typing import Any

import pytest

from harness.lab import addresses
from harness.stack.views import Receipts

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
