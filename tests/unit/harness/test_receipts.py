"""What was received is held against what should have been: nothing missing, extra or malformed."""

from typing import Any

from devtools.paths import REPO
from harness.incident.receipts import (
    FIRES,
    OVER,
    Finding,
    Receipt,
    compare,
    count,
    incidents,
    is_resolved,
    names,
    progress,
    says,
    threads,
    wrong,
)
from monitoring.destinations import Destination
from monitoring.yaml_text import read_yaml

CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
MAIN = {
    "alertname": "CriticalErrorRate",
    "severity": "critical",
    "component": "backend",
    "service": "mita-backend",
    "env": "lab",
    "symptom": "http_errors",
    "rollback": "auto",
}
WARNING = {**MAIN, "alertname": "ErrorsRise", "severity": "warning", "rollback": ""}
Record = dict[str, Any]


def slack(channel: str, alert: str = "CriticalErrorRate", state: str = "CRITICAL", **changes: Any) -> Record:
    title = f"[{state}] {alert} - mita-backend (lab)"
    record = {"receiver": "slack", "channel": channel, "valid": True, "problems": []}
    body = {"channel": channel, "attachments": [{"title": title, "text": "it will be resolved soon"}]}
    return {**record, "headers": {"user-agent": "Alertmanager/0.28"}, "body": body, **changes}


def pager(action: str = "trigger", key: str = "one", **details: str) -> Record:
    summary = f"[{'RESOLVED' if action == 'resolve' else 'CRITICAL'}] CriticalErrorRate on mita-backend"
    body = {"payload": {"summary": summary, "custom_details": details}}
    record = {
        "receiver": "pagerduty",
        "urgency": "critical",
        "event_action": action,
        "dedup_key": key,
        "valid": True,
        "problems": [],
    }
    return {**record, "headers": {"user-agent": "Alertmanager/0.28"}, "body": body}


def mail(state: str = "CRITICAL") -> Record:
    body = {"subject": f"[{state}] CriticalErrorRate on mita-backend"}
    record = {"receiver": "smtp", "channel": "mikhail@mita.finance", "valid": True, "problems": []}
    return {**record, "headers": {"From": "alerts@mita.finance"}, "body": body}


def complete() -> list[Record]:
    channels = ("#mita-alerts", "#mita-incidents")
    told = [slack(channel, state=state) for channel in channels for state in ("CRITICAL", "RESOLVED")]
    return [*told, pager(), pager("resolve"), mail(), mail("RESOLVED")]


def findings(records: list[Record], *fired: dict[str, str], resolves: bool = True) -> list[Receipt]:
    return compare(CONFIG, records, [MAIN, *fired], main="CriticalErrorRate", resolves=resolves)


def test_complete_set_is_exact() -> None:
    rows = findings(complete())

    assert [row.finding for row in rows] == [Finding.EXACT] * 4
    assert {(row.firing, row.resolved) for row in rows} == {(1, 1)}


def test_missing_page_is_found() -> None:
    [row] = wrong(findings([r for r in complete() if r["receiver"] != "pagerduty"]))

    assert (str(row.destination), row.finding) == ("pagerduty critical", Finding.MISSING)


def test_missing_end_is_found() -> None:
    [row] = wrong(findings([r for r in complete() if r.get("event_action") != "resolve"]))

    assert (row.firing, row.resolved, row.finding) == (1, 0, Finding.MISSING)


def test_end_is_not_asked_for_while_the_alert_still_fires() -> None:
    assert not wrong(findings([r for r in complete() if not is_resolved(r)], resolves=False))


def test_second_notification_is_extra() -> None:
    [row] = wrong(findings([*complete(), slack("#mita-alerts")]))

    assert (row.firing, row.finding) == (2, Finding.EXTRA)


def test_uninvited_channel_is_extra() -> None:
    [row] = wrong(findings([*complete(), slack("#mita-finance-team")]))

    assert (str(row.destination), row.expected, row.finding) == (
        "slack #mita-finance-team",
        "nothing",
        Finding.EXTRA,
    )


def test_alert_that_never_fired_is_extra() -> None:
    [row] = wrong(findings([*complete(), slack("#mita-alerts", alert="SomethingElse")]))

    assert "SomethingElse" in row.subject


def test_refused_request_is_found() -> None:
    refused = slack("#mita-alerts", valid=False, problems=["no_text: nothing"])
    [row] = wrong(findings([*complete(), refused]))

    assert (row.finding, row.subject) == (Finding.REFUSED, "no_text: nothing")


def test_other_alert_may_be_told_where_it_belongs_and_nowhere_else() -> None:
    assert not wrong(findings(complete(), WARNING))
    assert not wrong(findings([*complete(), *[slack("#mita-alerts", alert="ErrorsRise")] * 2], WARNING))
    assert wrong(findings([*complete(), slack("#mita-incidents", alert="ErrorsRise")], WARNING))


def test_progress_of_the_daemon_is_told_apart() -> None:
    own = slack("#mita-deployments", headers={"user-agent": "mita-rollback"})

    assert progress([*complete(), own]) == [own]
    assert not wrong(findings([*complete(), own]))


def test_alert_is_named_by_its_whole_name_and_not_by_a_link() -> None:
    record = slack("#a", alert="CriticalErrorRateOfTests")
    link = slack("#a", alert="Other", body={"text": "<https://docs/runbooks/CriticalErrorRate|Runbook>"})

    assert not names(record, "CriticalErrorRate")
    assert not names(link, "CriticalErrorRate")
    assert names(slack("#a"), "CriticalErrorRate")


def group(title: str, text: str, channel: str = "#mita-alerts") -> Record:
    """A message about several alerts, as monitoring/templates write it."""
    body = {"attachments": [{"title": title, "text": text}]}
    return slack(channel, body=body)


FIRST = group("[CRITICAL] CriticalErrorRate on shop (shop, lab)", "*34% of requests fail*")
JOINED = group("[CRITICAL] CriticalErrorRate on shop, SloJourneyFastBurn on login (lab)", "*30% fail*")
HALF = group(
    "[CRITICAL] SloJourneyFastBurn on login (lab)",
    "*budget*\n:white_check_mark: CriticalErrorRate on shop is over: 10:00 to 10:03, 3m",
)
ALL_OVER = group("[RESOLVED] SloJourneyFastBurn on login (lab)", ":white_check_mark: it is over")


def test_a_message_about_several_alerts_says_of_each_whether_it_fires() -> None:
    assert [says(one, "CriticalErrorRate") for one in (FIRST, JOINED, HALF, ALL_OVER)] == [
        FIRES,
        FIRES,
        OVER,
        "",
    ]
    assert [says(one, "SloJourneyFastBurn") for one in (FIRST, JOINED, HALF, ALL_OVER)] == [
        "",
        FIRES,
        FIRES,
        OVER,
    ]
    over = pager(firing="SloJourneyFastBurn on login", resolved="CriticalP95Latency on shop")
    assert says(over, "CriticalP95Latency") == OVER
    lines = {"subject": "[CRITICAL] A", "text": "Over: CriticalErrorRate on shop", "html": "<b>x</b>"}
    assert says(mail() | {"body": lines}, "CriticalErrorRate") == OVER


def test_an_update_is_no_second_message() -> None:
    place = Destination("slack", "#mita-alerts")

    assert count([FIRST, JOINED, HALF, ALL_OVER], place, "CriticalErrorRate") == (1, 1)
    assert count([FIRST, JOINED, HALF, ALL_OVER], place, "SloJourneyFastBurn") == (1, 1)
    wider = group("[CRITICAL] SloJourneyFastBurn x2 on login, payment (lab)", "*budget*")
    narrow = group("[CRITICAL] SloJourneyFastBurn on login (lab)", "*budget*")
    assert count([narrow, wider], place, "SloJourneyFastBurn") == (1, 0)
    worse = group("[CRITICAL] CriticalErrorRate on shop (shop, lab)", "*41% of requests fail*")
    assert count([FIRST, worse], place, "CriticalErrorRate") == (2, 0)
    assert count([FIRST, HALF, JOINED], place, "CriticalErrorRate") == (2, 1)
    assert count([HALF, FIRST, HALF], place, "CriticalErrorRate") == (1, 1), "first the end of an earlier one"


def test_what_is_triggered_while_it_is_open_is_the_same_incident() -> None:
    place = Destination("pagerduty", "critical")
    opened = "[CRITICAL] CriticalErrorRate on mita-backend"

    assert incidents([pager(), pager(), pager("resolve")]) == [opened]
    assert count([pager(), pager(), pager("resolve")], place, "CriticalErrorRate") == (1, 1)
    for again in ([pager(), pager("resolve"), pager()], [pager(), pager(key="two")]):
        assert incidents(again) == [opened, opened]
        assert count(again, place, "CriticalErrorRate")[0] == 2
    assert incidents([pager(), pager(key="two") | {"urgency": "error"}]) == [opened, opened]
    assert incidents([pager() | {"valid": False}]) == []


def test_the_threads_of_the_daemon_are_told_by_their_names() -> None:
    fields = [{"title": "Service", "value": "mita-backend"}, {"title": "Thread", "value": "rollback-7"}]
    agent, body = {"user-agent": "mita-rollback"}, {"attachments": [{"fields": fields}]}
    own = slack("#mita-deployments", headers=agent, body=body)

    assert threads([own, own]) == {"rollback-7"}
    assert threads([slack("#mita-deployments")]) == set()
