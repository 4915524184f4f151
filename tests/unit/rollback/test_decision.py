"""From facts to one reason and one verdict, and back from the stored record to the same verdict."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rollback.adapters.codec import from_json, to_json
from rollback.domain.alert import AlertStatus
from rollback.domain.decision import Decision, allowed_mode, decide
from rollback.domain.facts import Began, Facts
from rollback.domain.guards import GUARDS
from rollback.domain.policy import Mode
from rollback.domain.reasons import DECIDED_AGAIN, PASSING, Reason, Verdict, verdict_of

MODES = {
    Mode.AUTO: (Verdict.ROLL_BACK, Reason.ACCEPTED),
    Mode.PROPOSE: (Verdict.PROPOSE, Reason.MODE_PROPOSE),
    Mode.SHADOW: (Verdict.IGNORE, Reason.MODE_SHADOW),
    Mode.OFF: (Verdict.IGNORE, Reason.MODE_OFF),
}


@pytest.mark.parametrize("mode", Mode)
def test_with_no_objection_the_mode_of_the_trigger_decides(make: Any, mode: Mode) -> None:
    facts = make.facts(policy=make.policy(modes={"error_rate_threshold": mode}))

    decision = decide(facts)

    assert (decision.verdict, decision.reason) == MODES[mode]


def test_a_rollback_names_what_is_left_and_what_is_gone_back_to(make: Any) -> None:
    decision = decide(make.facts())

    assert (decision.from_version, decision.to_version) == ("2", "1")


@pytest.mark.parametrize("label", ["propose", "", "Auto"])
def test_an_alert_that_does_not_say_auto_itself_is_proposed_at_most(make: Any, label: str) -> None:
    facts = make.facts(alert=make.alert(labels={"rollback": label}))

    assert allowed_mode(facts) is Mode.PROPOSE
    assert decide(facts).verdict is Verdict.PROPOSE


def test_the_first_objection_gives_the_reason_and_every_guard_still_answers(make: Any) -> None:
    resolved = make.alert(status=AlertStatus.RESOLVED)
    facts = make.facts(alert=resolved, target=None, handled_by=3)

    decision = decide(facts)

    assert decision.reason is Reason.RESOLVED
    assert [answer.guard for answer in decision.answers] == [guard.__name__ for guard in GUARDS]
    assert {a.reason for a in decision.answers if not a.passed} == {
        Reason.RESOLVED,
        Reason.NO_KNOWN_GOOD,
        Reason.ALREADY_HANDLED,
    }


def test_while_a_rollback_runs_that_is_the_reason_not_that_it_was_handled(make: Any) -> None:
    facts = make.facts(active_rollback=make.rollback(), handled_by=1)

    assert decide(facts).reason is Reason.ROLLBACK_IN_PROGRESS


def test_blind_holds_and_neither_triggers_nor_cancels(make: Any) -> None:
    decision = decide(make.facts(began=Began(blind="no answer")))

    assert (decision.verdict, decision.reason) == (Verdict.HOLD, Reason.BLIND)
    assert decision.reason in DECIDED_AGAIN


def test_reasons_that_pass_by_themselves_are_exactly_these() -> None:
    assert {
        Reason.BLIND,
        Reason.CLOCK_SKEW,
        Reason.COOLDOWN,
        Reason.DEPLOYMENT_IN_PROGRESS,
        Reason.ROLLBACK_IN_PROGRESS,
    } == DECIDED_AGAIN


def test_every_hold_is_decided_again_and_nothing_that_passed_is() -> None:
    holds = {reason for reason in Reason if verdict_of(reason) is Verdict.HOLD}

    assert holds <= DECIDED_AGAIN
    assert not PASSING & DECIDED_AGAIN


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"target": None},
        {"began": Began(blind="x")},
        {"resolved_at": datetime(2026, 3, 1, 13, tzinfo=UTC)},
    ],
)
def test_replaying_a_stored_decision_gives_the_same_verdict(make: Any, change: dict[str, Any]) -> None:
    decision = decide(make.facts(**change))

    stored = from_json(to_json(decision), Decision)
    replayed = decide(from_json(to_json(decision.facts), Facts))

    assert (replayed.verdict, replayed.reason) == (stored.verdict, stored.reason)
    assert replayed.answers == decision.answers
