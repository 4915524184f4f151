"""What people are told: true in every phase, with numbers and hosts, and what to type."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.slack import FIELD_LIMIT, TEXT_LIMIT, SlackMessenger
from rollback.adapters.sqlite import SqliteStore
from rollback.domain import notices, wording
from rollback.domain.alert import Source
from rollback.domain.consequences import Consequences
from rollback.domain.control import Breaker, Cause, Freeze, Proposal, ProposalState
from rollback.domain.decision import Decision, decide
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.facts import HostSeen, Watched
from rollback.domain.reasons import Reason
from rollback.domain.rollback import (
    HostResult,
    HostState,
    Kind,
    Measure,
    Phase,
    Rollback,
    Sample,
    Verification,
    VerificationVerdict,
)
from rollback.domain.rollback_wording import DANGER, GOOD, WARNING
from rollback.domain.stored import Notice, Step
from rollback.service.deciding import Decider
from rollback.service.intake import Intake

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTS = (
    HostSeen(host="app1", answered=True, version="1", ready=True),
    HostSeen(host="app2", answered=False),
    HostSeen(host="app3", answered=True, version="2", ready=False),
)
RUNBOOK = "https://monitor:8000/runbooks/CriticalErrorRate"
"""As an annotation of an alert."""


def proposal_text(facts: Any, number: int = 12) -> str:
    [notice] = notices.of_decision(decide(facts), number)
    assert notice.thread == "proposal-shop-1"
    return notice.text


def ended(make: Any, phase: Phase, verdict: VerificationVerdict | None = None, **changes: Any) -> Rollback:
    measures = (Measure(alertname="HighErrorRate", healthy=False, value=0.30123),)
    sample = Sample(at=NOON, healthy=False, measures=measures, unready_hosts=changes.pop("unready", ()))
    verification = Verification(verdict=verdict, at=NOON, samples=(sample,)) if verdict else None
    rollback: Rollback = make.rollback(phase=phase, verification=verification, **changes)
    return rollback


DONE = HostResult(host="app1", state=HostState.DONE, at=NOON)
AWAY = HostResult(host="app2", state=HostState.UNREACHABLE, at=NOON, detail="no answer on port 22")
BROKEN = HostResult(host="app3", state=HostState.FAILED, at=NOON, detail="the probe did not become ready")


def test_a_proposal_says_why_what_runs_and_what_to_type(make: Any) -> None:
    alert = make.alert(annotations={"summary": "31 % of requests fail", "runbook_url": RUNBOOK})
    watched = Watched(asked=True, firing=True, evidence=1.0, vetoes=("RedisDown (data)",))
    facts = make.facts(alert=alert, watched=watched)

    [notice] = notices.of_decision(decide(facts), 12)

    assert notice.text.splitlines() == [
        "Rollback of shop (production) 2 to 1 proposed, not done: "
        "a dependency is down, which older code would not mend (RedisDown (data))",
        "Anything: 31 % of requests fail",
        "Now: app1 runs 2",
        "To do it: rollbackctl approve 12. To refuse it: rollbackctl reject 12.",
    ]
    assert notice.links == {"Record": "/api/admin/rollback/decisions/12", "Runbook": RUNBOOK}
    assert notice.fields == {"Service": "shop (production)", "Alert": "Anything", "Decision": "12"}


def test_every_reason_to_ask_a_person_is_told_with_what_was_seen(make: Any) -> None:
    breaker = Breaker(
        service="shop", env="production", cause=Cause.FRUITLESS, why="rollback 3 did not help", opened_at=NOON
    )
    unsafe = (make.release("1"), make.release("2", rollback_safe=False, standing=Standing.UNPROVEN))
    guess = tuple(replace(r, standing=Standing.UNPROVEN) for r in make.facts().releases)

    assert "(rollback 3 did not help)" in proposal_text(make.facts(breaker=breaker))
    assert "does not say it may be left (2)" in proposal_text(make.facts(releases=unsafe))
    assert "it is the best guess" in proposal_text(make.facts(releases=guess))
    assert "tried several times and changed nothing (3 attempts)" in proposal_text(make.facts(attempts=3))
    propose = make.alert(labels={"rollback": "propose"})
    assert "only be proposed" in proposal_text(make.facts(alert=propose))


def test_with_nothing_to_go_back_to_no_approval_is_offered(make: Any) -> None:
    [notice] = notices.of_decision(decide(make.facts(releases=(make.release("2"),))), 12)

    assert notice.text.startswith("shop (production) 2 looks bad, and there is nothing to go back to")
    assert "approve" not in notice.text
    assert notice.colour == DANGER


def test_what_is_done_ignored_or_held_is_no_proposal(make: Any) -> None:
    for facts in (
        make.facts(),
        make.facts(now=NOON + timedelta(hours=10)),
        make.facts(watched=Watched(asked=True, blind="x")),
    ):
        assert notices.of_decision(decide(facts), 1) == ()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_words_whatever_was_seen(reason: Reason) -> None:
    for evidence in ({}, {"unexpected": None}):
        assert " " in wording.because(reason, evidence), "a sentence, not a word"


def test_a_start_names_versions_alert_and_person(make: Any) -> None:
    alert = make.alert(annotations={"summary": "31 % fail", "runbook_url": RUNBOOK})

    notice = notices.started(make.rollback(by="ann"), alert)

    assert "Rolling back shop (production) 2 to 1, asked for by ann" in notice.text
    assert "Anything: 31 % fail" in notice.text
    assert (notice.thread, notice.links["Runbook"]) == ("rollback-1", RUNBOOK)
    assert "asked for" not in notices.started(make.rollback(), alert).text


@pytest.mark.parametrize(
    ("status", "detail", "text"),
    [
        ("done", "", "app2 of shop (production) runs 1"),
        ("done", "already", "app2 of shop (production) runs 1 already"),
        ("failed", "not ready", "shop (production): app2 was not restored to 1: not ready"),
        (
            "unreachable",
            "",
            "shop (production): app2 does not answer and was left as it is",
        ),
        ("lacking", "", "shop (production): app2 does not have 1, and none could be brought"),
        ("started", "", None),
    ],
)
def test_each_host_is_told_once_at_its_end(make: Any, status: str, detail: str, text: str | None) -> None:
    step = Step(at=NOON, host="app2", step="host", status=status, detail=detail)

    told = notices.of_step(make.rollback(), step)

    assert [notice.text for notice in told] == ([text] if text else [])
    assert notices.of_step(make.rollback(), replace(step, step="Copy a file")) == ()


def test_a_restore_is_only_called_whole_when_it_is(make: Any) -> None:
    whole = notices.restored(make.rollback(results=(DONE,)))
    partly = notices.restored(make.rollback(results=(DONE, AWAY)))

    assert (whole.text, whole.colour) == (
        "shop (production) 1 is live again, measuring",
        GOOD,
    )
    assert "where possible" in partly.text
    assert "app2 did not answer: no answer on port 22" in partly.text
    assert partly.colour == WARNING
    silent = notices.restored(make.rollback(results=(DONE, replace(AWAY, detail="does not answer"))))
    assert silent.text.endswith("app2 did not answer")


def test_a_cure_says_what_was_measured_and_what_follows(make: Any) -> None:
    follows = Consequences(standings=(("2", Standing.REJECTED),))
    notice = notices.finished(
        ended(make, Phase.SUCCEEDED, VerificationVerdict.FIXED, results=(DONE,)), follows=follows
    )

    assert notice.text.splitlines() == [
        "shop (production) is measured healthy again after going back from 2 to 1",
        "Measured: HighErrorRate 0.3012 (NOT well)",
        "2 is rejected from now on.",
    ]
    assert (notice.colour, notice.fields["Verdict"]) == (GOOD, "fixed")


def test_a_cure_that_left_a_host_out_says_so(make: Any) -> None:
    notice = notices.finished(
        ended(make, Phase.SUCCEEDED, VerificationVerdict.FIXED, results=(DONE, AWAY)), hosts=HOSTS
    )

    assert "again after going back in part from 2 to 1" in notice.text
    assert "Hosts: app2 did not answer" in notice.text
    assert "Now: app1 runs 1, app2 does not answer, app3 runs 2 (not ready)" in notice.text
    assert "What waits is restored, or proposed to you, when that becomes possible" in notice.text
    assert "rollbackctl acknowledge 1" in notice.text
    assert notice.colour == WARNING


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (VerificationVerdict.NOT_FIXED, "NOT FIXED: the fault is still measured in shop (production)"),
        (VerificationVerdict.WORSE, "WORSE: hosts of shop (production) do not answer as they should"),
        (VerificationVerdict.BLIND, "NOT MEASURED: nothing says whether shop (production) is well"),
    ],
)
def test_no_other_verdict_sounds_like_a_cure(make: Any, verdict: VerificationVerdict, words: str) -> None:
    follows = Consequences(cause=Cause.FRUITLESS, why="rollback 1 to 1 was measured not_fixed")

    notice = notices.finished(
        ended(make, Phase.UNVERIFIED, verdict, results=(DONE,), unready=("app1", "app3")), follows=follows
    )

    assert notice.text.startswith(words)
    assert "healthy again" not in notice.text
    assert "Measured: HighErrorRate 0.3012 (NOT well)" in notice.text
    assert "rollbackctl breaker close shop" in notice.text
    assert notice.colour == DANGER
    assert ("app1 and app3" in notice.text) is (verdict is VerificationVerdict.WORSE)


def test_a_failure_names_each_host_that_failed_and_what_runs_now(make: Any) -> None:
    rollback = ended(make, Phase.FAILED, results=(DONE, AWAY, BROKEN), detail="1 of 3 hosts was restored")

    text = notices.finished(rollback, hosts=HOSTS).text

    assert text.splitlines() == [
        "FAILED HALF-WAY: rollback of shop (production) 2 to 1: 1 of 3 hosts was restored",
        "Hosts: app2 did not answer: no answer on port 22; app3 not restored: the probe did not become ready",
        "Now: app1 runs 1, app2 does not answer, app3 runs 2 (not ready)",
        "A person must look: rollbackctl status; rollbackctl rollback shop --to 1. "
        "When you take it over: rollbackctl acknowledge 1",
    ]
    nothing = notices.finished(ended(make, Phase.FAILED, results=(BROKEN,), detail="no host")).text
    assert nothing.startswith("FAILED: rollback of shop")


def test_what_was_called_off_touched_nothing_and_asks_for_nothing(make: Any) -> None:
    notice = notices.finished(ended(make, Phase.CALLED_OFF, detail="the alert is over"))

    assert notice.text == (
        "Called off before a host was touched: rollback of shop (production) 2 to 1: the alert is over"
    )
    assert notice.colour == GOOD


def test_a_repair_is_told_as_one(make: Any) -> None:
    repair = make.rollback(kind=Kind.REPAIR, only=("app2", "app3"))

    begun = notices.started(repair, make.alert())
    over = notices.finished(replace(repair, phase=Phase.FAILED, detail="no key"))

    assert begun.text.startswith("Bringing app2 and app3 of shop (production) to 1 begins")
    assert "FAILED: bringing app2 and app3 of shop (production) to 1: no key" in over.text
    assert "Rolling back" not in begun.text


def held(store: SqliteStore, make: Any, monitoring: Any, clock: Any, probes: Any) -> Any:
    """The record of a decision that holds an alert."""
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    clock.move(5)
    Intake(store, clock, make.policy).receive(Source.WEBHOOK, (make.alert(),)).result()
    Decider(store, clock, monitoring, probes, make.policy).work()
    return store.decision(1)


def test_a_hold_says_since_when_and_why_with_the_hosts(
    store: SqliteStore, make: Any, monitoring: Any, clock: Any, probes: Any
) -> None:
    probes.live = {"app1": "3"}
    record = held(store, make, monitoring, clock, probes)

    notice = notices.on_hold(record, HOSTS[:2])

    assert notice.text.splitlines()[0] == (
        "On hold: Anything of shop (production) since 2026-03-01 12:05:00 UTC, nothing is rolled back: "
        "hosts run neither the version deployed last nor the one to go back to (app1: 3)"
    )
    assert "Now: app1 runs 1, app2 does not answer" in notice.text
    assert "rollbackctl explain 1" in notice.text
    assert notice.thread == "decision-1"


def test_a_freeze_that_holds_an_alert_is_told_with_its_person_and_end(
    store: SqliteStore, make: Any, monitoring: Any, clock: Any, probes: Any
) -> None:
    until = NOON + timedelta(hours=1)
    store.freeze(Freeze(id=0, service="", env="production", reason="move", by="ann", since=NOON, until=until))

    record = held(store, make, monitoring, clock, probes)

    assert "(ann: move; until 2026-03-01 13:00:00 UTC)" in notices.on_hold(record).text


def test_other_news_name_service_and_what_to_do(make: Any) -> None:
    proposal = Proposal(
        id=12,
        service="shop",
        env="production",
        deployment_id=1,
        from_version="2",
        to_version="1",
        state=ProposalState.OPEN,
        at=NOON,
    )
    dead = make.deployment(outcome=Outcome.ABANDONED)

    told = [
        notices.answered(proposal, "ann", "false alarm"),
        notices.deployment_given_up(dead, HOSTS[:1]),
        notices.found_live("shop", "production", "3", "2"),
        notices.marked("shop", "production", "1", Standing.REJECTED, "ann: loses carts"),
    ]

    texts = [notice.text for notice in told]
    assert all("shop (production)" in text for text in texts)
    assert "ann rejected the rollback of shop (production) 2 to 1: false alarm" in texts[0]
    assert "Now: app1 runs 1" in texts[1]
    assert "run 3, which nobody reported; known was 2" in texts[2]
    assert texts[3] == "shop (production) 1 is rejected from now on, by ann: loses carts"
    assert all(notice.thread for notice in told)


EVIL = "<!channel> <https://evil.example|Runbook> a&b"


def slack(external_url: str = "") -> SlackMessenger:
    return SlackMessenger(lambda: "", lambda: "#room", lambda: external_url)


def flat(value: Any) -> str:
    return str(value)


def test_what_comes_from_outside_is_text_to_slack(make: Any) -> None:
    alert = make.alert(labels={"alertname": EVIL}, annotations={"summary": EVIL, "runbook_url": EVIL})
    decision: Decision = decide(make.facts(alert=alert, attempts=3))

    [notice] = notices.of_decision(decision, 1)
    body = flat(slack().body(notice))

    assert "<!channel>" not in body
    assert "<https://evil" not in body
    assert "&lt;!channel&gt; &lt;https://evil.example|Runbook&gt; a&amp;b" in body


def test_a_summary_of_any_length_is_delivered_short(make: Any) -> None:
    alert = make.alert(annotations={"summary": "long " * 200})

    text = notices.started(make.rollback(), alert).text
    body = slack().body(Notice(text="x" * 9_000, colour="good", fields={"A": "y" * 9_000}))

    assert len(text) < 500
    assert "..." in text
    assert len(str(body["text"])) == TEXT_LIMIT
    assert "y" * (FIELD_LIMIT - 3) + "..." in flat(body)
    assert "y" * FIELD_LIMIT not in flat(body)


def test_links_lead_to_the_daemon_where_people_reach_it(make: Any) -> None:
    notice = notices.started(make.rollback(), make.alert(annotations={"runbook_url": RUNBOOK}))

    there, nowhere = slack("https://monitor:8000/").body(notice), slack().body(notice)

    assert "<https://monitor:8000/api/admin/rollback/rollbacks/1>" in flat(there)
    assert "/api/admin" not in flat(nowhere)
    assert f"<{RUNBOOK}>" in flat(nowhere)


def test_one_rollback_is_one_thread(make: Any) -> None:
    rollback = make.rollback(results=(DONE,))
    step = Step(at=NOON, host="app1", step="host", status="done")
    end = ended(make, Phase.SUCCEEDED, VerificationVerdict.FIXED)

    told = [
        notices.started(rollback, make.alert()),
        *notices.of_step(rollback, step),
        notices.restored(rollback),
        notices.finished(end),
    ]

    assert {notice.thread for notice in told} == {"rollback-1"}
    assert all("{'title': 'Thread', 'value': 'rollback-1'" in flat(slack().body(n)) for n in told)
