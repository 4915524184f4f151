"""The rungs of the runbook and of the daemon's decision: what is believed, and what is not."""

from typing import Any

import pytest

from harness.proof import decided, runbook
from harness.proof.marks import Mark
from harness.proof.runbook import Answer, Asked

HEALTHY = Answer(0, "up 1 @[1795777200.1]\n● Active: active since Sat 2026-11-28 10:00:01; 3min 2s ago")
LATER = Answer(0, "up 1 @[1795777260.7]\n● Active: active since Sat 2026-11-28 10:00:01; 4min 9s ago")
BROKEN = Answer(0, "up 0 @[1795777260.7]")


def asked(*under: Answer) -> list[Asked]:
    return [Asked("monitor", f"command {number}", HEALTHY, one) for number, one in enumerate(under)]


@pytest.mark.parametrize(
    ("under", "mark", "why"),
    [
        ([BROKEN, LATER], Mark.YES, "1 of 2 commands"),
        ([LATER, LATER], Mark.NO, "answers as it did before"),
        ([LATER, BROKEN], Mark.NO, "the first command of the page answers as it did before"),
        ([BROKEN, Answer(127, "curl: command not found")], Mark.NO, "`command 1` ended with status 127"),
        ([Answer(1, "")], Mark.YES, "1 of 1 commands"),
        ([Answer(7, "connection refused")], Mark.YES, "1 of 1 commands"),
        ([Answer(124, "")], Mark.NO, "ended with status 124"),
        ([], Mark.OPEN, ""),
    ],
)
def test_a_page_must_run_and_show_the_fault(under: list[Answer], mark: Mark, why: str) -> None:
    step = runbook.judged(asked(*under))

    assert step.mark is mark
    assert why in step.why


def test_a_command_that_never_works_is_told() -> None:
    always = Answer(7, "connection refused")
    step = runbook.judged([*asked(BROKEN), Asked("monitor", "curl", always, always)])

    assert step.mark is Mark.NO and "connection refused" in step.why


def test_a_page_is_read_on_the_application_host_that_has_the_fault() -> None:
    assert {host for host, _ in runbook.written("CriticalErrorRate", ["app2"])} == {"monitor", "app2"}
    assert {host for host, _ in runbook.written("CriticalErrorRate", ["data"])} == {"monitor", "app1"}


def decision(alert: str, verdict: str, at: str = "2026-11-28T10:00:30+00:00") -> dict[str, Any]:
    return {
        "at": at,
        "service": "mita-backend",
        "alert": {"alertname": alert},
        "verdict": verdict,
        "sentence": "no release went live within the last hour",
        "from_version": "1.1.0",
    }


@pytest.mark.parametrize(
    ("rollback", "decisions", "mark", "why"),
    [
        ("", [], Mark.NONE, "no trigger"),
        ("veto", [], Mark.NONE, "no trigger"),
        ("auto", [], Mark.NO, "found none"),
        ("auto", [decision("CriticalErrorRate", "ignore")], Mark.YES, "ignore: no release"),
        ("propose", [decision("RequestsStuck", "propose")], Mark.YES, "with another alert; propose"),
        ("auto", [decision("CriticalErrorRate", "roll_back")], Mark.NO, "it rolled 1.1.0 back"),
        (
            "auto",
            [decision("CriticalErrorRate", "ignore"), decision("RequestsStuck", "roll_back")],
            Mark.NO,
            "it rolled 1.1.0 back",
        ),
        (
            "auto",
            [decision("CriticalErrorRate", "ignore", "2026-11-28T09:59:59+00:00")],
            Mark.NO,
            "found none",
        ),
    ],
)
def test_the_daemon_must_have_seen_that_no_release_is_to_blame(
    rollback: str, decisions: list[dict[str, Any]], mark: Mark, why: str
) -> None:
    since = 1795860000.0  # 10:00 of that day
    step = decided.judged("CriticalErrorRate", rollback, {"mita-backend"}, decisions, since)

    assert step.mark is mark
    assert why in step.why
