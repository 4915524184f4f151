"""What the daemon answers becomes sentences that say what to do next, and the gate a word."""

from pathlib import Path
from typing import Any

import pytest

from roles.application.filter_plugins.mita_daemon import ended, foreseen, next_step, refusal
from roles.application.lookup_plugins.mita_gate import LookupModule, wait_for

URL, HOST = "http://127.0.0.1:8000", "monitor"


def test_refusal_says_why_what_is_known_and_what_to_do() -> None:
    known = "1.0.0 was restored at 03:00"
    answer = {"error": "left already", "reason": "release_was_restored", "known": [known]}

    assert refusal({"status": 409, "json": answer}, URL, HOST) == (
        "left already (release_was_restored); no host was touched. Say -e app_further=true to go back past a "
        f"release that was itself restored\n{known}"
    )


@pytest.mark.parametrize(
    "response", [{"status": -1, "msg": "refused"}, {"msg": "refused"}, {"status": 401, "msg": "refused"}]
)
def test_daemon_that_cannot_be_asked_is_named_with_the_way_around(response: dict[str, Any]) -> None:
    said = refusal(response, URL, HOST)

    assert f"expected the rollback daemon at {URL} on {HOST}" in said and "refused" in said
    assert "-e app_without_daemon=true" in said


def test_unknown_reason_gets_the_general_step() -> None:
    assert next_step({"reason": "new"}, "see rollbackctl status") == "see rollbackctl status"
    assert "-e app_take_over=true" in next_step({"reason": "deployment_in_progress"}, "")


def test_plan_comes_with_what_the_daemon_knows() -> None:
    answer = {"from_version": "2", "to_version": "1", "hosts": ["a", "b"], "known": ["2 was never good"]}

    assert foreseen(answer) == ["2 -> 1 on a, b", "2 was never good"]


def test_end_names_each_hosts_last_status() -> None:
    steps = [
        {"host": "a", "step": "host", "status": "started", "detail": ""},
        {"host": "a", "step": "switch", "status": "ok", "detail": ""},
        {"host": "a", "step": "host", "status": "done", "detail": ""},
        {"host": "b", "step": "host", "status": "unreachable", "detail": "no route"},
    ]

    said = ended({"id": 3, "phase": "succeeded", "verification": {"verdict": "fixed"}, "steps": steps})

    assert said == "rollback 3 succeeded in part, without b (fixed)\na: done\nb: unreachable (no route)"
    assert ended({"id": 3, "phase": "failed", "detail": "why"}) == "rollback 3 failed: why"


def test_gate_gives_the_word_and_nothing_when_none_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    assert wait_for(gate, 0) == ""
    gate.write_text("go\n")
    assert wait_for(gate, 0) == "go"
    monkeypatch.setenv("MITA_ROLLBACK_GATE", str(gate))
    assert LookupModule().run([0]) == ["go"]
    monkeypatch.setenv("MITA_ROLLBACK_GATE", str(tmp_path / "never"))
    assert LookupModule().run([0]) == [""]
    monkeypatch.delenv("MITA_ROLLBACK_GATE")
    assert LookupModule().run([0]) == ["go"]
