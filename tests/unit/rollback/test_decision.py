"""From facts to one reason and one verdict, and back from the stored record to the same verdict."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rollback.adapters.codec import from_json, to_json
from rollback.domain.alert import AlertStatus
from rollback.domain.control import Proposal, ProposalState
from rollback.domain.decision import Decision, allowed_mode, approve, decide
from rollback.domain.deployment import Standing
from rollback.domain.facts import Facts, HostSeen, Watched
from rollback.domain.guards import GUARDS
from rollback.domain.policy import Mode
from rollback.domain.reasons import MEANINGS, Reason, Verdict, passes, verdict_of

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
    facts = make.facts(alert=resolved, releases=(), handled_by=3)

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
    decision = decide(make.facts(watched=Watched(asked=True, blind="no answer")))

    assert (decision.verdict, decision.reason) == (Verdict.HOLD, Reason.BLIND)
    assert passes(decision.reason)


def test_every_reason_has_a_verdict_and_a_sentence() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(len(meaning.sentence.split()) > 2 for meaning in MEANINGS.values())


def test_every_hold_is_decided_again_and_what_starts_something_is_not() -> None:
    assert {reason for reason in Reason if verdict_of(reason) is Verdict.HOLD} <= {
        reason for reason in Reason if passes(reason)
    }
    assert not [r for r in Reason if passes(r) and verdict_of(r) in (Verdict.ROLL_BACK, Verdict.PROPOSE)]


PROPOSED: dict[str, dict[str, Any]] = {
    "a dependency is down": {
        "watched": Watched(asked=True, firing=True, evidence=1.0, vetoes=("RedisDown",))
    },
    "no good release": {"releases": ()},
    "vain attempts": {"attempts": 3},
}


@pytest.mark.parametrize("why", PROPOSED)
@pytest.mark.parametrize(
    "obstacle",
    [
        {"handled_by": 1},
        {"last_changed_at": datetime(2026, 3, 1, 12, 4, tzinfo=UTC)},
        {"watched": Watched(asked=True, firing=True, evidence=0.0, vetoes=("RedisDown",))},
    ],
)
def test_what_would_be_ignored_or_held_is_not_proposed(make: Any, why: str, obstacle: dict[str, Any]) -> None:
    assert decide(make.facts(**PROPOSED[why])).verdict is Verdict.PROPOSE

    assert decide(make.facts(**{**PROPOSED[why], **obstacle})).verdict is not Verdict.PROPOSE


def proposal(**changes: Any) -> Proposal:
    values: dict[str, Any] = {
        "id": 4,
        "service": "shop",
        "env": "production",
        "deployment_id": 1,
        "from_version": "2",
        "to_version": "1",
        "state": ProposalState.OPEN,
        "at": datetime(2026, 3, 1, 12, 5, tzinfo=UTC),
    }
    return Proposal(**{**values, **changes})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (ProposalState.OPEN, Reason.ALREADY_PROPOSED),
        (ProposalState.APPROVED, Reason.ALREADY_PROPOSED),
        (ProposalState.REJECTED, Reason.REJECTED),
    ],
)
def test_one_deployment_is_proposed_once(make: Any, state: ProposalState, reason: Reason) -> None:
    facts = make.facts(attempts=3, proposal=proposal(state=state))

    assert decide(facts).reason is reason


def test_without_a_good_release_the_best_guess_is_offered(make: Any) -> None:
    releases = (
        make.release(standing=Standing.UNPROVEN),
        make.release("0.9", standing=Standing.SUSPECT, live_at=datetime(2026, 3, 1, 11, 30, tzinfo=UTC)),
    )

    decision = decide(make.facts(releases=releases))

    assert (decision.reason, decision.to_version) == (Reason.NO_KNOWN_GOOD, "1")


def test_a_person_may_approve_what_the_guards_would_not(make: Any) -> None:
    facts = make.facts(attempts=3, proposal=proposal())

    decision = approve(facts, proposal(), by="ann")

    assert (decision.verdict, decision.reason, decision.by) == (Verdict.ROLL_BACK, Reason.APPROVED, "ann")
    assert (decision.from_version, decision.to_version) == ("2", "1")


def test_a_person_may_approve_while_prometheus_is_away(make: Any) -> None:
    facts = make.facts(watched=Watched(asked=True, blind="no answer"))

    assert approve(facts, proposal(), by="ann").reason is Reason.APPROVED


MOVED: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "another deployment": ({"deployment_id": 9}, {}, Reason.WITHDRAWN),
    "the target was rejected": ({"to_version": "0.8"}, {}, Reason.WITHDRAWN),
    "the alert is over": ({}, {"watched": Watched(asked=True, firing=False)}, Reason.NOT_FIRING),
    "hosts went back already": (
        {},
        {"hosts": (HostSeen(host="app1", answered=True, version="1"),)},
        Reason.ALREADY_LEFT,
    ),
    "it was rolled back": ({}, {"handled_by": 3}, Reason.ALREADY_HANDLED),
}


@pytest.mark.parametrize("what", MOVED)
def test_an_approval_is_refused_when_the_facts_have_moved(make: Any, what: str) -> None:
    proposed, facts, reason = MOVED[what]

    decision = approve(make.facts(**facts), proposal(**proposed), by="ann")

    assert decision.reason is reason
    assert decision.verdict is not Verdict.ROLL_BACK


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"releases": ()},
        {"watched": Watched(asked=True, blind="x")},
        {"resolved_at": datetime(2026, 3, 1, 13, tzinfo=UTC)},
    ],
)
def test_replaying_a_stored_decision_gives_the_same_verdict(make: Any, change: dict[str, Any]) -> None:
    decision = decide(make.facts(**change))

    stored = from_json(to_json(decision), Decision)
    replayed = decide(from_json(to_json(decision.facts), Facts))

    assert (replayed.verdict, replayed.reason) == (stored.verdict, stored.reason)
    assert replayed.answers == decision.answers
