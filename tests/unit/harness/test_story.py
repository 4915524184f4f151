"""One story from what five sources recorded."""

from datetime import UTC, datetime
from typing import Any

from harness.incident.story import (
    Moment,
    Stage,
    Story,
    first_bad,
    first_good_after_last_bad,
    from_alertmanager,
    from_alerts,
    from_ledger,
    from_records,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def iso(after: float) -> str:
    return datetime.fromtimestamp(BEGIN + after, UTC).isoformat()


def second(t: int, bad: float | None = None, good: float | None = None) -> dict[str, Any]:
    bad_at = None if bad is None else BEGIN + bad
    good_at = None if good is None else BEGIN + good
    values = {"first_bad": bad_at, "last_bad": bad_at, "first_good": good_at, "last_good": good_at}
    return {"t": BEGIN + t, **values}


LEDGER = [
    {"id": 1, "at": iso(0), "kind": "deployment_started", "service": "mita-backend", "version": "2.0.0"},
    {
        "id": 2,
        "at": iso(20),
        "kind": "webhook_received",
        "service": "",
        "alerts": [{"alertname": "CriticalErrorRate"}],
    },
    {
        "id": 3,
        "at": iso(21),
        "kind": "decided",
        "service": "mita-backend",
        "verdict": "roll_back",
        "reason": "accepted",
    },
    {
        "id": 4,
        "at": iso(25),
        "kind": "host_step",
        "service": "mita-backend",
        "host": "app1",
        "step": "host",
        "status": "done",
    },
    {
        "id": 5,
        "at": iso(26),
        "kind": "host_step",
        "service": "other",
        "host": "x",
        "step": "host",
        "status": "done",
    },
    {"id": 6, "at": iso(27), "kind": "unheard_of", "service": "mita-backend"},
]


def test_ledger_tells_the_daemons_part_of_this_service_only() -> None:
    found = from_ledger(LEDGER, "mita-backend", "CriticalErrorRate")

    assert [(m.stage, m.detail) for m in found] == [
        (Stage.DEPLOYING, "2.0.0"),
        (Stage.WEBHOOK, ""),
        (Stage.DECIDED, "roll_back, accepted"),
        (Stage.HOST, "app1 done"),
    ]


def test_tasks_on_a_host_are_left_out() -> None:
    task = {**LEDGER[3], "step": "probe"}

    assert from_ledger([task], "mita-backend", "CriticalErrorRate") == []


def test_other_alerts_are_no_part_of_the_story() -> None:
    decided = {**LEDGER[2], "alertname": "UserRegistrationDown"}
    received = {**LEDGER[1], "alerts": [{"alertname": "UserRegistrationDown"}]}

    assert from_ledger([decided, received], "mita-backend", "CriticalErrorRate") == []


def test_alert_is_pending_when_prometheus_says_and_fires_when_alertmanager_says() -> None:
    labels = {"alertname": "CriticalErrorRate"}
    other = {"alertname": "Other"}

    [pending] = from_alerts(
        [{"labels": labels, "activeAt": iso(8)}, {"labels": other, "activeAt": iso(1)}], "CriticalErrorRate"
    )
    [firing] = from_alertmanager(
        [{"labels": labels, "startsAt": iso(16).replace("+00:00", "Z")}], "CriticalErrorRate"
    )
    assert (pending.at - BEGIN, firing.at - BEGIN) == (8, 16)


def test_first_bad_response_is_not_older_than_the_deployment() -> None:
    moment = first_bad([second(0, bad=0.5), second(5, bad=5.25)], since=BEGIN + 2)

    assert moment == Moment(at=BEGIN + 5.25, stage=Stage.FIRST_BAD)
    assert first_bad([second(0, good=0.5)], since=BEGIN) is None


def test_first_good_response_follows_the_last_bad_one() -> None:
    seconds = [
        second(1, bad=1.2, good=1.9),
        second(2, bad=2.4, good=2.6),
        *(second(t, good=t + 0.1) for t in range(3, 8)),
    ]

    moment = first_good_after_last_bad(seconds, BEGIN, quiet=3)
    assert moment is not None
    assert round(moment.at - BEGIN, 3) == 2.6


def test_recovery_is_not_claimed_before_it_was_quiet_for_long_enough() -> None:
    seconds = [second(1, bad=1.2, good=1.9), second(2, good=2.5)]

    assert first_good_after_last_bad(seconds, BEGIN, quiet=3) is None
    assert first_good_after_last_bad([second(1, good=1.0)], BEGIN, quiet=0) is None


def test_records_tell_who_heard_of_the_alert() -> None:
    body = {"attachments": [{"title": "[CRITICAL] CriticalErrorRate - mita-backend"}]}
    record = {"receiver": "slack", "channel": "#mita-alerts", "valid": True, "body": body, "at": iso(18)}
    records = [{**record, "headers": {"user-agent": "Alertmanager/0.28"}}]

    [moment] = from_records(records, "CriticalErrorRate")
    assert (moment.stage, moment.detail) == (Stage.NOTIFIED, "slack #mita-alerts: CriticalErrorRate fires")


def test_message_about_another_alert_says_that_one_is_over() -> None:
    mixed = ["[FIRING] HighCpuUsage", ":white_check_mark: CriticalErrorRate is over: 10:00 to 10:03, 3m"]
    body = {"attachments": [{"title": mixed[0], "text": "\n".join(mixed)}]}
    record = {"receiver": "slack", "channel": "#mita-alerts", "valid": True, "body": body, "at": iso(18)}

    [moment] = from_records([{**record, "headers": {"user-agent": "Alertmanager/0.28"}}], "CriticalErrorRate")
    assert moment.detail == "slack #mita-alerts: CriticalErrorRate is over"


def test_story_keeps_each_event_once_and_forgets_what_was_before() -> None:
    story = Story(BEGIN)
    late, early = Moment(at=BEGIN + 2, stage=Stage.FIRING), Moment(at=BEGIN + 1, stage=Stage.PENDING)
    before = Moment(at=BEGIN - 1, stage=Stage.FIRST_BAD)

    assert story.add([late, None, early, before]) == [early, late]
    assert story.add([late]) == []
    assert (story.at(Stage.FIRING), story.at(Stage.FIRST_BAD)) == (BEGIN + 2, None)
    assert story.line(late) == "    2.0 s  alert firing"
