"""What people and Prometheus are told: texts of the command line, metrics, log lines."""

import io
import json
import re
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from rollback import cli, cli_text
from rollback.adapters import logs
from rollback.adapters.memory import MemoryStore
from rollback.adapters.metrics import Metrics, ReloadState
from rollback.domain import notices
from rollback.domain.alert import Source
from rollback.domain.decision import decide
from rollback.domain.deployment import NewDeployment, known_good
from rollback.domain.reasons import Reason, verdict_of
from rollback.service.deciding import Decider
from rollback.service.desk import Desk
from rollback.service.intake import Intake

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def desk(store: MemoryStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Desk:
    """One alert has been decided about a service with two versions."""
    policy = make.policy()
    make.live(store, "1", minutes=-60)
    make.live(store, "2", minutes=0)
    clock.move(minutes=5)
    Intake(store, clock, lambda: policy).receive(Source.WEBHOOK, (make.alert(),))
    decider = Decider(store, clock, monitoring, lambda: policy)
    decider.work()
    return Desk(store, clock, monitoring, probes, decider, lambda: policy)


def samples(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render()[0].decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}


@pytest.fixture
def metrics(store: MemoryStore, monitoring: Any) -> Metrics:
    state = ReloadState(successful=True, succeeded_at=5.0)
    return Metrics(store, monitoring, lambda: ["error_rate_threshold"], lambda: state, "1.2.3")


def test_counters_exist_at_zero_before_anything_happens(metrics: Metrics) -> None:
    found = samples(metrics)

    zeros = [
        'mita_rollback_total{result="succeeded"}',
        'mita_rollback_total{result="unverified"}',
        'mita_rollback_total{result="failed"}',
        'mita_rollback_verifications_total{verdict="not_fixed"}',
        'mita_rollback_verifications_total{verdict="worse"}',
        'mita_rollback_webhook_requests_total{code="401"}',
        "mita_rollback_last_watchdog_timestamp_seconds",
        *(
            f'mita_rollback_decisions_total{{reason="{reason}",trigger="error_rate_threshold",'
            f'verdict="{verdict_of(reason)}"}}'
            for reason in Reason
        ),
    ]
    assert {name: found.get(name) for name in zeros} == dict.fromkeys(zeros, 0.0)
    assert found["mita_rollback_config_last_reload_successful"] == 1
    assert found["mita_rollback_config_last_reload_success_timestamp_seconds"] == 5


def test_what_happened_is_counted_and_shown_per_application(desk: Desk, metrics: Metrics) -> None:
    found = samples(metrics)

    counted = 'reason="accepted",trigger="error_rate_threshold",verdict="roll_back"'
    assert found[f"mita_rollback_decisions_total{{{counted}}}"] == 1
    assert found['mita_rollback_in_progress{application="shop"}'] == 1
    started = found['mita_rollback_started_timestamp_seconds{application="shop"}']
    assert started == NOON.timestamp() + 300
    assert found['mita_rollback_known_good_available{application="shop"}'] == 1


def test_unknown_triggers_share_one_series(
    store: MemoryStore, clock: Any, monitoring: Any, make: Any, metrics: Metrics
) -> None:
    for number in range(3):
        alert = make.alert(fingerprint=str(number), labels={"rollback_trigger": f"made-up-{number}"})
        Intake(store, clock, make.policy).receive(Source.WEBHOOK, (alert,))
    Decider(store, clock, monitoring, make.policy).work()

    text = metrics.render()[0].decode()

    assert 'reason="unknown_trigger",trigger="other",verdict="ignore"} 3.0' in text
    assert "made-up" not in text


def test_status_tells_live_known_good_and_what_is_under_way(desk: Desk) -> None:
    status = desk.status()

    service = status["services"]["shop"]
    assert service["current"]["version"] == "2"
    assert (service["known_good"], service["active_rollback"], service["rejected"]) == ("1", 1, ["2"])
    assert service["deployment_window_ends"] == "2026-03-01T12:31:00+00:00"
    text = cli_text.status(status)
    assert "known good: 1" in text
    assert "rolling back: rollback 1" in text


def test_a_decision_is_explained_guard_by_guard(desk: Desk) -> None:
    text = cli_text.explanation(desk.decision(1))

    assert "Decision 1 at 2026-03-01 12:05:00Z: roll_back (accepted)" in text
    assert re.search(r"^yes +began_after_deployment +deployment_started_at=", text, flags=re.MULTILINE)


def test_an_objection_stands_out(desk: Desk, make: Any) -> None:
    preview = desk.preview("Anything", None, "moon_phase")

    assert (preview["verdict"], preview["reason"]) == ("ignore", "unknown_trigger")
    text = cli_text.explanation({**preview, "id": 0, "rollback_id": None})
    assert re.search(r"^NO +known_trigger +unknown_trigger", text, flags=re.MULTILINE)


def test_lists_are_readable_and_say_so_when_empty(desk: Desk) -> None:
    decisions = cli_text.decisions({"decisions": desk.decisions(None, 10)})
    rollbacks = cli_text.rollbacks({"rollbacks": desk.rollbacks(None, 10)})

    assert "2 -> 1" in decisions
    assert "Rollback 1: shop 2 -> 1, pending" in rollbacks
    assert "No decision yet" in cli_text.decisions({"decisions": []})
    assert "Nothing has been rolled back" in cli_text.rollbacks({"rollbacks": []})


@pytest.mark.parametrize(
    ("live", "target"),
    [
        ({"app1": "1", "app2": "1"}, "1"),
        ({"app1": "2", "app2": "2"}, "2"),
        ({"app1": "1", "app2": "2"}, "2"),
        ({"app1": "1", "app2": None}, "2"),
        ({"app1": "0.9", "app2": "0.9"}, None),
        ({}, "2"),
    ],
    ids=str,
)
def test_a_version_that_a_person_left_by_hand_is_not_gone_back_to(
    store: MemoryStore, clock: Any, monitoring: Any, probes: Any, make: Any, live: Any, target: str | None
) -> None:
    """2 was reported live; the hosts, asked when 3 is deployed, may say otherwise."""
    make.live(store, "1", minutes=-60)
    make.live(store, "2", minutes=-30)
    probes.live = live
    decider = Decider(store, clock, monitoring, make.policy)

    new = NewDeployment(service="shop", version="3", hosts=("app1",), checksum="", rollback_safe=True)
    Desk(store, clock, monitoring, probes, decider, make.policy).start_deployment(new)

    known = known_good(store.service_state("shop").releases, leaving="3")
    assert (known.version if known else None) == target


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])

    said = capsys.readouterr().out
    assert "rollbackctl explain 7" in said
    assert "Run it as root on the daemon's host" in said


def test_without_settings_the_command_line_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert cli.main(["--settings", str(tmp_path / "none.yml"), "status"]) == 1

    assert "give --url and --secret-file" in capsys.readouterr().err


def test_a_proposal_and_a_missing_target_are_worth_a_message_and_little_else(make: Any) -> None:
    propose = decide(make.facts(alert=make.alert(labels={"rollback": "propose"})))
    nothing = decide(make.facts(target=None))
    stale = decide(make.facts(now=NOON.replace(hour=20)))

    assert "proposed; a person must start it" in notices.of_decision(propose)[0].text
    assert "nothing to go back to" in notices.of_decision(nothing)[0].text
    assert notices.of_decision(stale) == notices.of_decision(decide(make.facts())) == ()


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_log_lines_are_one_line_each_with_fields(log_format: str) -> None:
    said = io.StringIO()
    with redirect_stdout(said):
        logs.configure(log_format)
        structlog.get_logger().info("decided", reason=Reason.COOLDOWN, text="two\nlines", nothing=None)
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            structlog.get_logger().exception("failed")
    structlog.reset_defaults()

    first, second = said.getvalue().splitlines()
    if log_format == "json":
        assert json.loads(first)["reason"] == "cooldown"
        assert json.loads(second)["event"] == "failed"
    else:
        assert first == 'level=info event=decided reason=cooldown text="two | lines"'
        assert "ValueError: first | second" in second
