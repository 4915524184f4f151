"""What the alerting of a period was worth: right and false, times and promises, and what nobody knows."""

import json
from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devtools.errors import UserError
from harness.clients import ClientError, Prometheus
from harness.faults import on_host, truth
from harness.faults.fault import named
from harness.faults.truth import Quiet, Truth
from harness.report import cli, of_period, pages
from harness.report.records import Event, Figure, Firing, Known, Report, Right, State, Verdict
from harness.report.sla import report
from monitoring.escalation import SOURCE, Promise, read

T = 1_800_000_000.0
PROMISED = {"error": Promise(5, 15), "critical": Promise(2, 10)}
DOWN = Firing(alert="HostDown", severity="critical", component="host", began=T, ended=T + 300)
FAULT = Truth(fault="host-off", began=T - 60, ended=T + 290, proves=("HostDown",), may=("NodeGone",))
PLAYED = Known(
    began=T - 1000,
    ended=T + 1000,
    firings=[DOWN],
    faults=[FAULT],
    told=[Event(alert="HostDown", at=T + 10)],
    acknowledged=[Event(alert="HostDown", at=T + 70)],
)


def figure(found: Report, name: str) -> Figure:
    return next(one for one in found.figures if one.name == name)


def test_a_fault_gives_each_of_the_four_times() -> None:
    [case] = report(PLAYED, PROMISED).cases

    assert (case.right, case.fault) == (Right.TRUE, "host-off")
    assert (case.detected, case.told, case.acknowledged, case.resolved) == (60, 10, 60, 360)


def test_promises_are_met_where_everything_is_known() -> None:
    found = report(PLAYED, PROMISED)

    assert figure(found, "MTTA of critical").state is State.MET
    assert figure(found, "MTTR of critical").value == 6
    assert figure(found, "false positives").state is State.MET


def test_a_promise_is_missed_at_its_limit() -> None:
    late = replace(PLAYED, acknowledged=[Event(alert="HostDown", at=T + 10 + 120)])

    assert figure(report(late, PROMISED), "MTTA of critical").state is State.MISSED


def test_what_nobody_acknowledged_is_unknown_and_not_good() -> None:
    second = replace(DOWN, began=T + 400, ended=T + 500)
    found = figure(report(replace(PLAYED, firings=[DOWN, second]), PROMISED), "MTTA of critical")
    nothing = figure(report(Known(began=T, ended=T + 1, firings=[]), PROMISED), "false positives")

    assert (found.known, found.state) == (1, State.MET)  # the second is false, and nobody has to answer it
    assert (nothing.value, nothing.state) == (None, State.UNKNOWN)
    unknown = report(replace(PLAYED, acknowledged=[]), PROMISED)
    assert figure(unknown, "MTTA of critical").state is State.UNKNOWN


def test_one_of_two_that_nobody_acknowledged_leaves_the_promise_open() -> None:
    again = replace(DOWN, began=T + 500, ended=T + 700)
    fault = replace(FAULT, began=T + 450, ended=T + 690)

    found = report(replace(PLAYED, firings=[DOWN, again], faults=[FAULT, fault]), PROMISED)

    mean = figure(found, "MTTA of critical")
    assert (mean.value, mean.known, mean.unknown, mean.state) == (1, 1, 1, State.UNKNOWN)


def test_a_lab_that_runs_faster_meets_no_promise_about_time_but_may_miss_one() -> None:
    late = replace(PLAYED, acknowledged=[Event(alert="HostDown", at=T + 200)], time_scale=15.0)

    assert (
        figure(report(replace(PLAYED, time_scale=15.0), PROMISED), "MTTR of critical").state is State.UNKNOWN
    )
    assert figure(report(late, PROMISED), "MTTA of critical").state is State.MISSED


def test_what_no_fault_explains_is_false_only_where_the_truth_is_known() -> None:
    other = replace(DOWN, alert="DiskFull")

    assert report(replace(PLAYED, firings=[other]), PROMISED).cases[0].right is Right.FALSE
    assert report(replace(PLAYED, firings=[other], faults=[]), PROMISED).cases[0].right is Right.UNKNOWN
    assert (
        report(replace(PLAYED, firings=[replace(DOWN, alert="NodeGone")]), PROMISED).cases[0].right
        is Right.TRUE
    )


def test_an_alert_that_did_not_fire_under_its_fault_is_a_miss() -> None:
    found = report(replace(PLAYED, firings=[replace(DOWN, began=T + 900, ended=None)]), PROMISED)

    assert found.misses == ["HostDown did not fire under host-off"]


def test_what_people_say_comes_first_and_about_nothing_is_told() -> None:
    said = Verdict(alert="HostDown", began=T + 30, real=False, actionable=False, note="a drill")
    stray = Verdict(alert="HostDown", began=T + 5000, real=True)

    found = report(replace(PLAYED, verdicts=[said, stray]), PROMISED)

    assert found.cases[0].right is Right.FALSE
    assert figure(found, "false positives").state is State.MISSED
    assert "a verdict about HostDown is about no time that it fired" in found.lost


def test_what_nobody_is_told_of_is_no_case() -> None:
    assert report(replace(PLAYED, firings=[replace(DOWN, severity="none")]), PROMISED).cases == []


class Answering(Prometheus):
    """Prometheus with two instances of an alert, and a hole in what it knows."""

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        if "ALERTS" not in expression:
            alive = [*range(int(start), int(start) + 100), *range(int(start) + 900, int(end) + 1)]
            return [{"metric": {}, "values": [[at, "1"] for at in alive]}]
        labels = {"alertname": "HostDown", "severity": "critical", "component": "host"}
        seconds = {"a": [*range(10, 20), *range(40, 50)], "b": range(15, 25)}
        return [
            {"metric": {**labels, "host": host}, "values": [[start + at, "1"] for at in times]}
            for host, times in seconds.items()
        ]


def test_series_that_fire_at_once_are_one_time_and_what_prometheus_does_not_know_is_told() -> None:
    found, holes, lost = of_period.firings(Answering("http://prometheus"), T, T + 1000)

    assert [(one.began - T, (one.ended or T) - T, one.series) for one in found] == [(10, 25, 2), (40, 50, 1)]
    assert [words for words in lost if "knows nothing from" in words]
    assert (len(holes), len(lost)) == (1, 1)


def test_a_prometheus_that_does_not_answer_is_told() -> None:
    class Away(Prometheus):
        def query_range(self, *_: Any) -> list[dict[str, Any]]:
            raise ClientError("nobody is there")

    assert of_period.firings(Away("http://x"), T, T + 10) == (
        [],
        [(T, T + 10)],
        ["Prometheus does not say what fired: nobody is there"],
    )


def pager(action: str, at: float, **payload: Any) -> dict[str, Any]:
    return {
        "receiver": "pagerduty",
        "urgency": "critical",
        "event_action": action,
        "dedup_key": "k",
        "valid": True,
        "at": datetime.fromtimestamp(at, UTC).isoformat(),
        "headers": {"user-agent": "Alertmanager/0.25"},
        "body": {"payload": payload},
    }


def test_the_pager_says_when_it_was_told_and_when_somebody_took_it() -> None:
    records = [pager("trigger", T + 5, summary="HostDown on app1"), pager("acknowledge", T + 65)]

    assert of_period.told(records, ["HostDown"]) == [Event(alert="HostDown", at=T + 5)]
    assert of_period.acknowledged(records, ["HostDown", "DiskFull"]) == [Event(alert="HostDown", at=T + 65)]


def test_what_rollbackctl_took_over_is_about_alerts_of_the_daemon() -> None:
    entry = {"kind": "acknowledged", "at": datetime.fromtimestamp(T + 60, UTC).isoformat()}
    open_end = replace(DOWN, alert="RollbackUnresolved", component="rollback")

    known = replace(
        PLAYED, firings=[open_end], faults=[], acknowledged=of_period.taken_over([entry]), told=[]
    )

    assert report(known, PROMISED).cases[0].acknowledged == 60


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v.yml", "- {alert: HostDown, began: 2027-01-15T10:00:00+02:00, real: false, note: a drill}\n"),
        ("v.csv", "alert,began,real,note\nHostDown,2027-01-15T08:00:00,no,a drill\n"),
    ],
)
def test_verdicts_are_read_from_yaml_and_csv(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert of_period.verdicts(tmp_path / name) == [
        Verdict(alert="HostDown", began=T, real=False, note="a drill")
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {alert: HostDown}", "verdict 1: expected alert and began"),
        ("- {alert: A, began: soon}", "expected a moment such as .*, found 'soon'"),
        (
            "- {alert: A, began: 2027-01-15, real: maybe}",
            "expected real to be yes, no or unknown, found 'maybe'",
        ),
        ("- {alert: A, began: 2027-01-15, rael: yes}", "verdict 1: expected alert and began"),
        ("alert: A", "expected a list of verdicts, found dict"),
    ],
)
def test_a_verdict_that_is_none_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "v.yml").write_text(text)

    with pytest.raises(UserError, match=says):
        of_period.verdicts(tmp_path / "v.yml")


def test_the_journal_keeps_what_was_wrong_and_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "JOURNAL", tmp_path / "new" / "faults.jsonl")
    fault = next(iter(truth_faults()))
    truth.injected(fault, T)
    truth.quiet(T, T + 600, [], [])
    with truth.JOURNAL.open("a") as file:
        file.write('{"event": "undo')  # a line that is half written

    [found], [calm] = truth.read()

    assert (found.fault, found.ended) == (fault.name, T + fault.lasts_s)  # its host undoes it
    assert calm == Quiet(began=T, ended=T + 600, fired=(), told=())


def test_whatever_injects_and_undoes_writes_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "JOURNAL", tmp_path / "faults.jsonl")
    monkeypatch.setattr(on_host, "_run", lambda *_: (0, ""))
    monkeypatch.setattr(on_host, "_copy", lambda *_: None)
    [fault] = truth_faults()

    on_host.inject(fault)
    on_host.undo(fault)

    [(found,), _] = truth.read()
    assert found.proves == fault.proves
    assert found.ended - found.began < 60


def test_a_fault_that_was_undone_ends_then(tmp_path: Path) -> None:
    lines = [
        {"event": "injected", "at": 10, "until": 600, "fault": "a", "proves": ["X"], "may": []},
        {"event": "undone", "at": 50, "fault": "a"},
        {"event": "injected", "at": 100, "until": 700, "fault": "a", "proves": ["X"], "may": []},
        {"event": "undone", "at": 150, "fault": "a"},
    ]
    (tmp_path / "j").write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert [(one.began, one.ended) for one in truth.read(tmp_path / "j")[0]] == [(10, 50), (100, 150)]
    assert truth.read(tmp_path / "none") == ([], [])


def truth_faults() -> list[Any]:
    return [named("postgresql-stopped")]


def test_a_review_says_what_is_noisy_false_and_not_known() -> None:
    false = replace(DOWN, alert="DiskFull", began=T + 400, ended=T + 410)
    known = replace(PLAYED, firings=[DOWN, false], lost=["the daemon is away"], quiet=[])

    found = report(known, PROMISED)
    page = pages.review(found, read(SOURCE.read_text()), [], [])

    assert pages.review_name(found) == "weekly-2027-W02.md"
    assert "- DiskFull: once, 1 of them over within 5 minutes" in page
    assert f"- DiskFull at {of_period.moment(T + 400)}: false." in page
    assert "- the daemon is away" in page
    assert "nobody knows that healthy load pages nobody" in "\n".join(pages.lines(found))
    assert json.loads(json.dumps(pages.as_json(found)))["lost"] == ["the daemon is away"]


def test_a_journal_with_a_line_that_is_no_event_names_the_line(tmp_path: Path) -> None:
    quiet = '{"event": "quiet", "at": 1, "until": 2, "fired": [], "told": []}'
    for line in ("[]", "{}", '"x"', '{"event": "else"}', '{"event": "injected", "fault": "a"}'):
        (tmp_path / "j").write_text(f"{quiet}\n{line}\n")

        with pytest.raises(UserError, match="line 2: expected an event of the journal"):
            truth.read(tmp_path / "j")


def test_one_word_is_about_one_time_and_a_second_is_named() -> None:
    again = replace(DOWN, began=T + 400, ended=T + 500)
    said = Verdict(alert="HostDown", began=T + 10, real=True, actionable=True)

    one = report(replace(PLAYED, firings=[DOWN, again], faults=[], verdicts=[said]), PROMISED)
    two = report(replace(PLAYED, verdicts=[said, replace(said, real=False)]), PROMISED)

    assert [case.right for case in one.cases] == [Right.TRUE, Right.UNKNOWN]
    assert figure(one, "actionable").state is State.UNKNOWN
    assert two.lost == ["a verdict about HostDown is a second one about the same time: it is not counted"]


def test_who_acknowledged_before_the_alert_is_not_believed() -> None:
    said = Verdict(alert="HostDown", began=T, acknowledged=T - 3600)

    found = report(replace(PLAYED, acknowledged=[], verdicts=[said]), PROMISED)

    assert found.cases[0].acknowledged is None
    assert figure(found, "MTTA of critical").state is State.UNKNOWN
    assert "acknowledged before it fired" in found.lost[0]


@pytest.mark.parametrize("part", ["cut", "broken"])
def test_an_alert_at_an_edge_of_what_is_known_has_no_times(part: str) -> None:
    cut = part == "cut"
    known = replace(PLAYED, firings=[replace(DOWN, cut=cut, broken=not cut)], faults=[])

    found = report(known, PROMISED)

    assert found.cases[0].resolved is None
    assert figure(found, "MTTR of critical").state is State.UNKNOWN
    assert found.lost


def test_where_prometheus_was_away_nothing_is_met_and_nothing_missed() -> None:
    away = replace(PLAYED, holes=[(T - 100, T - 50)])
    nothing = replace(PLAYED, firings=[], holes=[(T - 1000, T + 1000)])
    late = replace(PLAYED, firings=[], began=T - 10)

    assert {one.state for one in report(away, PROMISED).figures} == {State.UNKNOWN}
    for known in (nothing, late):
        assert report(known, PROMISED).misses == []
        assert "nobody knows whether HostDown fired under host-off" in report(known, PROMISED).lost[0]


def test_a_severity_of_which_nothing_is_promised_is_named() -> None:
    found = report(replace(PLAYED, firings=[replace(DOWN, severity="page")]), PROMISED)

    assert "nothing is promised of the severity page: its times are not judged" in found.lost


class Storing(Prometheus):
    """Prometheus that keeps these moments of an alert, was there at those, and is asked in parts."""

    fired: list[tuple[str, range]]
    there: range
    asked: list[float]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        self.asked.append((end - start) / step)
        if "ALERTS" not in expression:
            return [{"metric": {}, "values": self._moments(self.there, start, end, step)}]
        return [
            {
                "metric": {"alertname": "A", "severity": severity},
                "values": self._moments(times, start, end, step),
            }
            for severity, times in self.fired
        ]

    @staticmethod
    def _moments(times: range, start: float, end: float, step: float) -> list[list[Any]]:
        moments = (start + number * step for number in range(int((end - start) / step) + 1))
        return [[at, "1"] for at in moments if int(at - T) in times]


def storing(fired: list[tuple[str, range]], there: range = range(10**9)) -> Storing:
    prometheus = Storing("http://prometheus")
    for name, value in (("fired", fired), ("there", there), ("asked", [])):
        object.__setattr__(prometheus, name, value)
    return prometheus


def test_what_fires_for_half_a_minute_is_seen_in_a_month() -> None:
    prometheus = storing([("critical", range(999_990, 1_000_020))])

    [firing], holes, _ = of_period.firings(prometheus, T, T + 30 * 86400)

    assert (firing.began - T, holes) == (999_990, [])
    assert max(prometheus.asked) < 11_000


def test_what_fires_at_an_edge_or_when_prometheus_goes_away_is_marked() -> None:
    cut, _, _ = of_period.firings(storing([("critical", range(300))]), T, T + 1000)
    broken, holes, _ = of_period.firings(storing([("critical", range(100, 500))], range(501)), T, T + 3000)

    assert [(one.cut, one.broken) for one in (*cut, *broken)] == [(True, False), (False, True)]
    assert [(first - T, last - T) for first, last in holes] == [(380, 3000)]


def test_two_severities_of_one_alert_are_two_times_that_it_fired() -> None:
    both = storing([("warning", range(10, 50)), ("critical", range(20, 40))])

    found, _, _ = of_period.firings(both, T, T + 100)

    assert [(one.severity, one.series) for one in found] == [("warning", 1), ("critical", 1)]


@pytest.mark.parametrize(("service", "right"), [("mita-own", Right.TRUE), ("mita-backend", Right.FALSE)])
def test_a_fault_with_a_service_of_its_own_makes_no_other_ones_alert_right(
    service: str, right: Right, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "JOURNAL", tmp_path / "j")
    truth.injected(replace(named("redis-stopped"), proves=("HostDown",), service="mita-own"), T - 60)
    faults, _ = truth.read()

    [case] = report(replace(PLAYED, firings=[replace(DOWN, service=service)], faults=faults), PROMISED).cases

    assert case.right is right


def test_of_what_is_critical_nearly_all_must_be_actionable() -> None:
    firings = [replace(DOWN, began=T + n) for n in range(40)]
    idle = Verdict(alert="HostDown", began=T, real=True, actionable=False)
    found = report(replace(PLAYED, firings=firings, verdicts=[idle]), PROMISED)

    assert figure(found, "actionable").state is State.MET
    assert figure(found, "actionable of critical").state is State.MISSED


def test_one_alert_about_two_services_is_two_times_that_it_fired() -> None:
    spans = [replace(DOWN, service=service) for service in ("one", "other", "other")]

    assert [one.series for one in of_period._merged(spans, 15)] == [1, 2]


@pytest.mark.parametrize(("entries", "lost"), [(199, 0), (200, 1), (1000, 1)])
def test_a_ledger_as_long_as_one_answer_may_be_a_part_of_it(tmp_path: Path, entries: int, lost: int) -> None:
    saved = tmp_path / "ledger.json"
    saved.write_text(json.dumps({"entries": [{"id": at} for at in range(entries)]}))

    found, words = cli._ledger(Namespace(ledger=saved), site=True)

    assert (len(found), len(words)) == (entries, lost)
