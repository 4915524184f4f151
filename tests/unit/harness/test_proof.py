"""The judge of a proof: what became of each alert, and what nobody's fault explains."""

import io
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from devtools.errors import UserError
from devtools.paths import REPO
from harness.cli import main
from harness.faults.fault import Fault, named, programs
from harness.faults.kinds import Kind
from harness.proof import cli, earlier, made_of, on_paper, outcome, preparing, runbook
from harness.proof.cli import chosen
from harness.proof.in_time import waits_s
from harness.proof.marks import PAPER, Mark, Rung, Step
from harness.proof.runbook import Answer, Asked
from harness.proof.rungs import Proof, judge
from harness.proof.strays import Stray, strays
from harness.proof.witnessed import Before, Life, Played, Witnessed
from monitoring.catalog import load
from monitoring.yaml_text import read_yaml
from ruletools.house.files import RULES

CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
NOON = datetime(2026, 11, 27, 11, 0, tzinfo=UTC).timestamp()  # a Friday
NIGHT = datetime(2026, 11, 27, 1, 0, tzinfo=UTC).timestamp()
FAULT = Fault(
    name="host-silent",
    kind=Kind.KILL,
    does="The node exporter is stopped.",
    proves=("HostDown",),
    may=("TargetsMissing",),
    hosts=("app2",),
    batch="kills",
    inject="",
    holds="",
    undo="",
    lasts_s=60,
    after_s=0,
)
DOWN = {
    "alertname": "HostDown",
    "severity": "critical",
    "component": "host",
    "service": "mita-backend",
    "env": "lab",
    "symptom": "host_down",
    "subject": "app2",
    "host": "app2",
}
LOW = {**DOWN, "alertname": "HostDiskSpaceLow", "severity": "warning", "symptom": "disk"}
ALERTS = {alert.name: alert for alert in load(RULES)}
SHOWN = Asked("monitor", "promtool query instant up", Answer(0, "up 1"), Answer(0, "up 0"))
ASKED = {"HostDown": (SHOWN,), "HostDiskSpaceLow": (SHOWN,)}


def at(seconds: float, begin: float = NOON) -> str:
    return datetime.fromtimestamp(begin + seconds, UTC).isoformat()


def slack(channel: str, alert: str, state: str, when: str) -> dict[str, Any]:
    title = f"[{state}] {alert} on app2 (lab)"
    return {
        "receiver": "slack",
        "channel": channel,
        "at": when,
        "valid": True,
        "problems": [],
        "status": 200,
        "headers": {"user-agent": "Alertmanager/0.28"},
        "body": {"channel": channel, "attachments": [{"title": title, "text": "words"}]},
    }


def pager(action: str, when: str) -> dict[str, Any]:
    summary = f"[{'RESOLVED' if action == 'resolve' else 'CRITICAL'}] HostDown on app2"
    return {
        "receiver": "pagerduty",
        "urgency": "critical",
        "event_action": action,
        "dedup_key": "one",
        "at": when,
        "valid": True,
        "problems": [],
        "status": 202,
        "headers": {"user-agent": "Alertmanager/0.28"},
        "body": {"payload": {"summary": summary, "custom_details": {}}},
    }


def mail(state: str, when: str) -> dict[str, Any]:
    return {
        "receiver": "smtp",
        "channel": "mikhail@mita.finance",
        "at": when,
        "valid": True,
        "problems": [],
        "status": 250,
        "headers": {"From": "alerts@mita.finance"},
        "body": {"subject": f"[{state}] HostDown on app2"},
    }


def everybody() -> list[dict[str, Any]]:
    channels = ("#mita-alerts", "#mita-incidents")
    told = [
        slack(one, "HostDown", *what)
        for one in channels
        for what in (("CRITICAL", at(14)), ("RESOLVED", at(30)))
    ]
    return [
        *told,
        pager("trigger", at(14)),
        pager("resolve", at(30)),
        mail("CRITICAL", at(14)),
        mail("RESOLVED", at(30)),
    ]


def seen(**changes: Any) -> Witnessed:
    known = Witnessed(
        since=changes.get("began", NOON),
        began=NOON,
        ended=NOON + 60,
        config=CONFIG,
        lives=[Life(labels=DOWN, pending=NOON + 3, firing=NOON + 11, ended=NOON + 25)],
        records=everybody(),
        played=[Played(fault=FAULT, began=NOON, injected=NOON, undone=NOON + 20, asked=ASKED)],
        bounds={"HostDown": 20.0, "HostDiskSpaceLow": 150.0},
    )
    return replace(known, **changes)


def marks(proof: Proof) -> dict[Rung, Mark]:
    return {step.rung: step.mark for step in proof.steps}


def test_an_alert_that_fires_is_told_to_everybody_and_ends_is_proven() -> None:
    [proof] = judge(seen(), ALERTS)

    assert proof.holds
    assert list(marks(proof)) == [rung for rung in Rung if rung not in PAPER]
    assert {rung for rung, mark in marks(proof).items() if mark is Mark.NONE} == {
        Rung.DECIDED,
        Rung.ROLLED_BACK,
    }
    assert {mark for rung, mark in marks(proof).items()} == {Mark.YES, Mark.NONE}
    assert (proof.told, proof.told_over) == (NOON + 14, NOON + 30)


@pytest.mark.parametrize("missing", range(8))
def test_one_message_too_few_is_seen(missing: int) -> None:
    records = everybody()
    del records[missing]

    [proof] = judge(seen(records=records), ALERTS)

    assert not proof.holds
    assert [step.mark for step in proof.steps].count(Mark.NO) == 1


def test_a_receiver_that_is_told_twice_is_seen() -> None:
    again = slack("#mita-alerts", "HostDown", "CRITICAL", at(16))

    [proof] = judge(seen(records=[again, *everybody()]), ALERTS)

    assert marks(proof)[Rung.DELIVERED] is Mark.NO
    assert "#mita-alerts 2 times" in proof.steps[1].why


def test_what_was_said_before_the_fault_is_not_about_it() -> None:
    of_the_last = [slack(one, "HostDown", "RESOLVED", at(-2)) for one in ("#mita-alerts", "#mita-incidents")]

    [proof] = judge(seen(records=[*of_the_last, *everybody()]), ALERTS)
    [late] = judge(seen(records=[slack("#mita-alerts", "HostDown", "RESOLVED", at(2)), *everybody()]), ALERTS)

    assert proof.holds
    assert marks(late)[Rung.RESOLVED] is Mark.NO


def test_what_another_service_has_at_the_same_time_proves_nothing_and_refutes_nothing() -> None:
    own = replace(FAULT, service="mita-backend")
    before = Life(labels={**DOWN, "service": "mita-old"}, pending=NOON - 9, firing=NOON - 5, ended=None)
    told = [{**one, "body": {**one["body"], "text": "Service: mita-backend"}} for one in everybody()]
    strange = slack("#mita-alerts", "HostDown", "CRITICAL", at(16))
    strange["body"]["text"] = "Service: mita-old"

    [proof] = judge(
        seen(
            played=[Played(fault=own, began=NOON, injected=NOON, undone=NOON + 20, asked=ASKED)],
            lives=[before, *seen().lives],
            records=[*told, strange],
        ),
        ALERTS,
    )

    assert proof.holds
    assert [life.labels["service"] for life in proof.lives] == ["mita-backend"]


def test_a_place_that_has_no_business_with_it_is_seen() -> None:
    stray = slack("#mita-finance-team", "HostDown", "CRITICAL", at(14))

    [proof] = judge(seen(records=[*everybody(), stray]), ALERTS)

    assert marks(proof)[Rung.DELIVERED] is Mark.NO
    assert "#mita-finance-team, which is not among its receivers" in proof.steps[1].why


def test_also_where_its_name_stands_behind_other_words_as_the_real_ones_have_it() -> None:
    key, name = {"routing_key": "(masked)"}, {"username": "Alertmanager"}
    page = {**pager("trigger", at(14)), "urgency": "error"}
    message = slack("#mita-finance-team", "HostDown", "CRITICAL", at(14))
    for stray in (
        {**page, "body": {**key, **page["body"]}},
        {**message, "body": {"channel": "#mita-finance-team", **name, **message["body"]}},
    ):
        [proof] = judge(seen(records=[*everybody(), stray]), ALERTS)

        assert marks(proof)[Rung.DELIVERED] is Mark.NO
        assert "which is not among its receivers" in proof.steps[1].why


def test_what_was_told_once_to_two_was_not_told_to_be_over() -> None:
    [proof] = judge(seen(records=[one for one in everybody() if one["at"] == at(14)]), ALERTS)

    assert (proof.told, proof.told_over) == (NOON + 14, None)


def test_routes_that_lead_nowhere_are_no_delivery() -> None:
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}

    [proof] = judge(seen(config=config, records=[]), ALERTS)
    assert (marks(proof)[Rung.DELIVERED], proof.holds) == (Mark.NO, False)

    heartbeat = replace(ALERTS["HostDown"], labels={**ALERTS["HostDown"].labels, "severity": "none"})
    [quiet] = judge(seen(config=config, records=[]), {"HostDown": heartbeat})
    assert quiet.holds


def test_an_alert_that_never_fires_opens_no_other_rung() -> None:
    [proof] = judge(seen(lives=[], records=[]), ALERTS)

    assert marks(proof)[Rung.FIRED] is Mark.NO
    assert {marks(proof)[rung] for rung in (Rung.DELIVERED, Rung.RESOLVED)} == {Mark.OPEN}


@pytest.mark.parametrize(
    ("firing", "why"), [(-2.0, "before the fault began"), (21.0, "its rule allows 20 s")]
)
def test_an_alert_that_fires_too_early_or_too_late_is_not_proven(firing: float, why: str) -> None:
    life = Life(labels=DOWN, pending=NOON - 5, firing=NOON + firing, ended=NOON + 25)

    [proof] = judge(seen(lives=[life]), ALERTS)

    assert marks(proof)[Rung.FIRED] is Mark.NO
    assert why in proof.steps[0].why


def test_an_alert_that_goes_on_is_not_resolved() -> None:
    life = Life(labels=DOWN, pending=NOON + 3, firing=NOON + 11, ended=None)

    [proof] = judge(seen(lives=[life]), ALERTS)

    assert (marks(proof)[Rung.RESOLVED], proof.steps[2].why) == (Mark.NO, "it still fires")


def test_a_fault_that_could_not_be_injected_proves_nothing() -> None:
    played = Played(fault=FAULT, began=NOON, injected=NOON, problem="expected mount to work")

    [proof] = judge(seen(played=[played]), ALERTS)

    assert not proof.holds
    assert proof.steps[0].why == "expected mount to work"


@pytest.mark.parametrize(("begin", "mark"), [(NIGHT, Mark.NOT_NOW), (NOON, Mark.NO)])
def test_silence_is_right_only_at_night(begin: float, mark: Mark) -> None:
    fault = replace(FAULT, proves=("HostDiskSpaceLow",))
    life = Life(labels=LOW, pending=begin + 3, firing=begin + 123, ended=begin + 140)
    played = Played(fault=fault, began=begin, injected=begin, undone=begin + 130, asked=ASKED)

    [proof] = judge(seen(began=begin, lives=[life], records=[], played=[played]), ALERTS)

    assert marks(proof)[Rung.DELIVERED] is mark
    assert proof.holds is (mark is Mark.NOT_NOW)


def test_a_warning_that_is_told_at_night_is_seen() -> None:
    fault = replace(FAULT, proves=("HostDiskSpaceLow",))
    life = Life(labels=LOW, pending=NIGHT + 3, firing=NIGHT + 123, ended=NIGHT + 140)
    told = [slack("#mita-alerts", "HostDiskSpaceLow", "WARNING", at(125, NIGHT))]
    played = Played(fault=fault, began=NIGHT, injected=NIGHT, undone=NIGHT + 130, asked=ASKED)

    [proof] = judge(seen(began=NIGHT, lives=[life], records=told, played=[played]), ALERTS)

    assert marks(proof)[Rung.DELIVERED] is Mark.NO
    assert "although it is muted" in proof.steps[1].why


def test_what_fires_without_a_fault_is_a_stray_unless_its_reason_is_known() -> None:
    others = ("TargetsMissing", "Watchdog", "RedisDown")
    lives = [
        Life(labels={**DOWN, "alertname": name}, pending=NOON + 5, firing=NOON + 9, ended=None)
        for name in others
    ]
    lives.append(
        Life(labels={**DOWN, "alertname": "RedisFlapping"}, pending=NOON, firing=NOON + 9, ended=None)
    )
    lives.append(replace(lives[-1], pending=NOON + 20, firing=NOON + 20))  # it came back
    waits = Life(labels={**DOWN, "alertname": "PostgresDown"}, pending=NOON, firing=None, ended=None)

    found = strays(seen(lives=[*lives, waits]), {"Watchdog": "it is the heartbeat"})

    assert [(stray.alert, stray.reason) for stray in found] == [
        ("Watchdog", "it is the heartbeat"),
        ("RedisDown", ""),
        ("RedisFlapping", "it was there before the faults"),
        ("RedisFlapping", ""),
    ]


@pytest.mark.parametrize(
    ("firing", "strays_of_it"),
    [(NOON - 40, ["RedisDown"]), (NOON - 60, []), (NOON + 5, ["RedisDown"])],
    ids=["between the waves", "in the wave before", "in this wave"],
)
def test_what_begins_between_two_waves_is_judged_with_the_second(
    firing: float, strays_of_it: list[str]
) -> None:
    life = Life(labels={**DOWN, "alertname": "RedisDown"}, pending=firing, firing=firing, ended=None)
    second = replace(seen(lives=[life]), since=NOON - 60, before=Before(first=False))

    assert [stray.alert for stray in strays(second, {}) if not stray.reason] == strays_of_it
    caused = replace(FAULT, proves=("RedisDown",))
    earlier = Played(fault=caused, began=NOON - 90, injected=NOON - 90, undone=NOON - 70)
    explained = replace(second, before=Before(first=False, played=[earlier]), lingers={"RedisDown": 100.0})
    assert not strays(explained, {})


@pytest.mark.parametrize(
    ("later", "rung"),
    [((81, 0), Rung.DELIVERED), ((0, 81), Rung.RESOLVED), ((79, 79), None)],
    ids=["that it fires", "that it is over", "in time"],
)
def test_who_is_told_later_than_the_routes_allow_was_not_told(
    later: tuple[float, float], rung: Rung | None
) -> None:
    """A pager hears within a minute, and a busy machine has twenty seconds more."""
    fires, over = at(11 + later[0]), at(25 + later[1])
    paged = [pager("trigger", fires), pager("resolve", over)]
    records = [one for one in everybody() if one["receiver"] != "pagerduty"] + paged

    [proof] = judge(seen(records=records), ALERTS)

    assert [one for one, mark in marks(proof).items() if mark is Mark.NO] == [rung] * bool(rung)
    assert rung or "the last after 79.0 s, its routes allow 80 s" in proof.steps[1].why


def test_a_place_has_the_time_of_its_own_routes_and_not_that_of_the_slowest() -> None:
    """Mail of warnings waits for a quarter of an hour; Slack does not."""
    low = replace(FAULT, proves=("HostDiskSpaceLow",))
    life = Life(labels=LOW, pending=NOON + 3, firing=NOON + 123, ended=NOON + 140)
    late = [slack("#mita-alerts", "HostDiskSpaceLow", "WARNING", at(123 + 400))]
    played = Played(fault=low, began=NOON, injected=NOON, undone=NOON + 130, asked=ASKED)

    [proof] = judge(seen(lives=[life], records=late, played=[played]), ALERTS)

    assert "slack #mita-alerts after 400 s, where at most 320 are right" in proof.steps[1].why


def test_who_could_not_be_told_at_first_has_until_it_fires_again() -> None:
    """It fired for three seconds, and two minutes later for good."""
    first = Life(labels=DOWN, pending=NOON + 3, firing=NOON + 5, ended=NOON + 8)
    again = Life(labels=DOWN, pending=NOON + 330, firing=NOON + 331, ended=NOON + 340)
    told = [
        {**one, "at": at(335 if "CRITICAL" in str(one) or "trigger" in str(one) else 345)}
        for one in everybody()
    ]
    played = Played(fault=FAULT, began=NOON, injected=NOON, undone=NOON + 338, asked=ASKED)

    [proof] = judge(seen(lives=[first, again], records=told, played=[played]), ALERTS)

    assert proof.holds, proof.steps


@pytest.mark.parametrize("words", ["<error expanding template: no value>", "on <no value>", "%!d(string=x)"])
def test_words_that_a_template_could_not_make_are_no_message(words: str) -> None:
    records = everybody()
    records[0]["body"]["attachments"][0]["text"] = words

    [proof] = judge(seen(records=records), ALERTS)

    assert marks(proof)[Rung.DELIVERED] is Mark.NO
    assert "a template that failed" in proof.steps[1].why
    records[0]["body"]["attachments"][0]["text"] = "5% of <app2> (value 3)"
    assert judge(seen(records=records), ALERTS)[0].holds


def test_what_was_over_before_the_wave_proves_nothing_in_it() -> None:
    earlier = Life(labels=DOWN, pending=NOON - 50, firing=NOON - 40, ended=NOON - 30)

    [proof] = judge(replace(seen(), since=NOON - 60, lives=[earlier, *seen().lives]), ALERTS)

    assert proof.holds and len(proof.lives) == 1


@pytest.mark.parametrize(("firing", "stray"), [(-5, True), (5, False), (26, False), (31, True)])
def test_a_fault_explains_what_fires_while_it_is_there_and_a_little_later(
    firing: float, *, stray: bool
) -> None:
    missing = {**DOWN, "alertname": "TargetsMissing"}
    played = Played(fault=FAULT, began=NOON, injected=NOON, undone=NOON + 20)
    life = Life(labels=missing, pending=NOON + firing, firing=NOON + firing, ended=None)

    found = strays(
        replace(seen(lives=[life], played=[played], began=NOON - 60), lingers={"TargetsMissing": 10.0}), {}
    )

    assert bool(found) is stray


@pytest.mark.parametrize(("service", "explained"), [("mita-own", True), ("mita-backend", False)])
def test_a_fault_with_a_service_of_its_own_explains_nothing_about_another(
    service: str, *, explained: bool
) -> None:
    own = Played(fault=replace(FAULT, service="mita-own"), began=NOON, injected=NOON, undone=NOON + 20)
    missing = {**DOWN, "alertname": "TargetsMissing", "service": service}
    life = Life(labels=missing, pending=NOON + 5, firing=NOON + 5, ended=None)

    assert bool(strays(seen(lives=[life], played=[own]), {})) is not explained


def test_a_run_holds_only_if_all_is_proven_and_nothing_else_fired() -> None:
    proofs = judge(seen(), ALERTS)
    stray = strays(
        seen(
            lives=[
                Life(labels={**DOWN, "alertname": "RedisDown"}, pending=NOON + 2, firing=NOON + 2, ended=None)
            ]
        ),
        {},
    )
    whole = outcome.Run(alerts=148, facts={}).and_wave({"kills": ""}, proofs, [], "")

    assert whole.holds and not outcome.Run(alerts=148, facts={}).holds
    assert not replace(whole, strays=stray).holds and "RedisDown" in replace(whole, strays=stray).sentence
    mistold = [Stray(alert="RedisDown", labels={}, at=0, told="slack #other: it is not among its receivers")]
    told = replace(whole, strays=mistold)
    assert not told.holds and "Told otherwise than it should be: RedisDown" in told.sentence
    assert "Fired" not in told.sentence
    void = whole.and_wave({"data": ""}, [], [], "Prometheus missed 9 evaluations")
    assert not void.holds and void.sentence.startswith("VOID: in batch data Prometheus missed")
    assert not replace(whole, proofs=judge(seen(records=[]), ALERTS)).holds


def test_the_report_opens_from_disk_and_tells_machines_the_same(tmp_path: Path) -> None:
    proofs = [*judge(seen(records=[]), ALERTS), *judge(seen(), ALERTS)]
    run = outcome.Run(proofs=proofs, alerts=148, facts={"begun": "<now>"})

    page = outcome.save(run, tmp_path).read_text()

    assert "http" not in page.replace("HostDown", "") and "&lt;now&gt;" in page
    assert page.index('class="row" open>') < page.rindex('class="row">')
    for kind, said in {Kind.STUB: "stand-in", Kind.DOCTORED: "doctored"}.items():
        assert said not in page
        pretended = Played(fault=replace(FAULT, kind=kind), began=NOON, injected=NOON, undone=NOON + 20)
        other = replace(run, proofs=judge(seen(played=[pretended]), ALERTS))
        assert said in outcome.save(other, tmp_path / kind).read_text()
    suite = ET.fromstring((tmp_path / "proof.xml").read_text())  # noqa: S314 - ours
    assert [case.find("failure") is None for case in suite] == [False, True]
    assert '"holds": false' in (tmp_path / "proof.json").read_text()


def test_what_a_witness_who_slept_saw_is_neither_green_nor_red(tmp_path: Path) -> None:
    stray = Stray(alert="RedisDown", labels={}, at=0)
    proofs = [*judge(seen(records=[]), ALERTS), *judge(seen(), ALERTS)]
    run = outcome.Run(proofs=proofs, strays=[stray], alerts=148, facts={}, void=["in batch kills it slept"])

    page = outcome.save(run, tmp_path).read_text()

    suite = ET.fromstring((tmp_path / "proof.xml").read_text())  # noqa: S314 - ours
    assert [(case.find("failure"), case.find("skipped") is not None) for case in suite] == [(None, True)] * 3
    live = len(Rung) - len(PAPER)
    assert page.count('<span class="wait">void</span>') == 2 * live
    console = Console(file=io.StringIO(), width=200)
    console.print(outcome.table(run))
    assert console.file.getvalue().count("void") == 2 * live  # type: ignore[attr-defined]


def test_one_wrong_rung_on_paper_turns_its_row_and_the_run(tmp_path: Path) -> None:
    wrong = Step(rung=Rung.TESTED, mark=Mark.NO, why="failed: HostDown")
    fine = Step(rung=Rung.TESTED, mark=Mark.YES)
    rows = [
        outcome.Unplayed(alert=name, severity="error", how="It ends.", steps=(step,))
        for name, step in (("RedisDown", wrong), ("PostgresDown", fine))
    ]
    run = outcome.Run(alerts=148, facts={}, unplayed=rows[1:])
    assert run.holds and run.sentence == "1 of 1 alerts are right on paper; nothing was played"

    run = replace(run, unplayed=rows)
    outcome.save(run, tmp_path)

    assert not run.holds and "Wrong on paper: RedisDown" in run.sentence
    suite = ET.fromstring((tmp_path / "proof.xml").read_text())  # noqa: S314 - ours
    assert [(case.get("name"), case.find("failure") is None) for case in suite] == [
        ("RedisDown", False),
        ("PostgresDown", True),
    ]
    assert not replace(run, unplayed=rows[1:], elsewhere=["alertmanager.yml:3: no"]).holds


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    first = outcome.Run(alerts=148, facts={"begun": "then"}).and_wave(
        {"kills": "as it is"}, judge(seen(), ALERTS), [], ""
    )
    other = Played(fault=replace(FAULT, batch="data"), began=NOON, injected=NOON)
    stray = Stray(alert="RedisDown", labels=DOWN, at=NOON)
    proofs = judge(seen(played=[other]), ALERTS)
    void = first.and_wave({"data": ""}, proofs, [stray], "Prometheus missed 9 evaluations")
    outcome.save(void, tmp_path)

    now = {"kills": "as it is", "data": ""}
    again = outcome.Run(alerts=148, facts={"begun": "now"}).going_on_from(outcome.load(tmp_path), now, {})

    assert list(again.batches) == ["kills"] and not again.void and not again.strays
    assert list(again.proofs) == list(first.proofs) and again.holds and again.facts == {"begun": "now"}
    with pytest.raises(UserError, match=r"expected the report of a run .*; begin anew"):
        outcome.load(tmp_path / "nowhere")


@pytest.mark.parametrize(("reason", "kept"), [("", ["other"]), ("it is known", ["kills", "other"])])
def test_who_was_there_when_something_fired_that_nobody_explains_is_played_again_together(
    reason: str, kept: list[str]
) -> None:
    stray = Stray(alert="RedisDown", labels=DOWN, at=NOON, reason=reason)
    wave = {"hosts": "", "kills": ""}
    first = outcome.Run(alerts=148, facts={}).and_wave(wave, judge(seen(), ALERTS), [stray], "")
    first = first.and_wave({"other": ""}, [], [], "")
    now = outcome.Run(alerts=148, facts={})

    assert list(now.going_on_from(first, {**wave, "other": ""}, {}).batches) == ["hosts", "kills", "other"]
    again = now.going_on_from(first, {**wave, "hosts": "changed", "other": ""}, {})
    assert list(again.batches) == kept
    assert [one.batch for one in again.strays] == ["hosts and kills"] * bool(reason)


def test_what_stands_otherwise_than_the_run_before_is_told(tmp_path: Path) -> None:
    good = outcome.Run(alerts=148, facts={}, proofs=judge(seen(), ALERTS))
    bad = replace(good, proofs=judge(seen(records=[]), ALERTS))
    outcome.save(good, tmp_path / "first")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / outcome.STATE).write_text("{")

    then = earlier.before(tmp_path / "second", tmp_path)

    assert then and earlier.differences(then, good) == []
    assert earlier.differences(then, bad) == [
        "HostDown: delivered was yes and is no",
        "HostDown: resolved was yes and is no",
    ]
    assert earlier.before(tmp_path / "first", tmp_path) is None
    outcome.save(replace(bad, differences=["HostDown: it differs"]), tmp_path / "second")
    assert "<li>HostDown: it differs</li>" in (tmp_path / "second" / "proof.html").read_text()


def test_what_nobody_can_play_is_refused() -> None:
    with pytest.raises(UserError, match=r"expected alerts .*found NoSuch"):
        chosen(["NoSuch"], [])
    with pytest.raises(UserError, match=r"expected a batch .*found none-such"):
        chosen([], ["none-such"])
    with pytest.raises(UserError, match="found none; leave one of both out"):
        chosen(["HostDown"], ["hosts"])
    assert [fault.name for fault in chosen(["HostDown"], [])["kills"]] == ["host-silent"]


@pytest.mark.parametrize(
    ("at_s", "scale", "waits"),
    [
        (5 * 3600, 1, 3600),
        (6 * 3600, 1, 0),
        (19 * 3600, 1, 0),
        (20 * 3600 - 1401, 1, 0),
        (20 * 3600 - 1399, 1, 10 * 3600 + 1399),
        (5 * 240, 15, 240),  # an hour of the lab's rules
        (12 * 240, 15, 0),
        (17 * 240, 15, 13 * 240),  # it takes nearly six hours
        (5 * 240 + 7 * 5760, 15, 240),
        (0, 100, 0),  # it takes longer than the hours are long
    ],
)
def test_a_fault_waits_for_its_hours_as_the_rules_see_them(at_s: float, scale: float, waits: float) -> None:
    by_day, whenever = named("users-paying-nothing"), named("host-silent")
    seconds = dict.fromkeys(("RevenueSilence", "HostDown"), 600.0)

    assert waits_s([by_day, whenever], at_s, seconds, scale) == pytest.approx(waits)
    assert waits_s([whenever], at_s, seconds, scale) == 0


def test_what_has_changed_since_is_played_again_and_lint_and_tests_are_asked_anew(tmp_path: Path) -> None:
    before = outcome.Run(alerts=148, facts={}).and_wave({"kills": "as it was"}, judge(seen(), ALERTS), [], "")
    wrong = (Step(rung=Rung.TESTED, mark=Mark.NO, why="failed: HostDown"),)
    outcome.save(before, tmp_path)
    now = outcome.Run(alerts=148, facts={})

    assert not now.going_on_from(outcome.load(tmp_path), {"kills": "as it is"}, {}).proofs
    assert not now.going_on_from(outcome.load(tmp_path), {}, {}).batches
    same = now.going_on_from(outcome.load(tmp_path), {"kills": "as it was"}, {"HostDown": wrong})
    assert list(same.batches) == ["kills"] and not same.holds


def test_a_batch_is_another_when_its_rule_a_recording_behind_it_or_its_faults_are() -> None:
    rules = {name: replace(ALERTS[name]) for name in ALERTS}
    batch = [FAULT]
    before = made_of.digest(batch, rules)

    assert made_of.digest(batch, rules) == before
    assert made_of.digest([FAULT, replace(FAULT, name="another")], rules) != before
    assert made_of.digest([replace(FAULT, inject="false")], rules) != before
    assert made_of.digest(batch, {**rules, "HostDown": replace(rules["HostDown"], for_ms=1)}) != before


def test_only_what_was_seen_under_each_fault_is_recorded() -> None:
    [good] = judge(seen(), ALERTS)
    [bad] = judge(seen(records=[]), ALERTS)
    muted = replace(
        good,
        steps=tuple(
            replace(one, mark=Mark.NOT_NOW) if one.rung is Rung.DELIVERED else one for one in good.steps
        ),
    )

    def recorded(*proofs: Proof) -> list[str]:
        return outcome.Run(alerts=148, facts={}, proofs=proofs).to_record([FAULT])

    assert recorded(good) == ["HostDown"]
    another = replace(FAULT, name="another")
    assert not outcome.Run(alerts=148, facts={}, proofs=[good]).to_record([FAULT, another])
    unasked = good.on_paper((Step(rung=Rung.MUTATED, mark=Mark.UNASKED),))
    assert unasked.holds  # a run that did not want to know is no failure
    assert recorded(good, bad) == recorded(bad) == recorded(muted) == recorded(unasked) == []
    stopped = preparing.stopped([FAULT], ALERTS, "expected a calm lab").proofs
    assert outcome.Run(alerts=148, facts={}, proofs=[good, muted, bad]).refuted == ["HostDown"]
    assert not outcome.Run(alerts=148, facts={}, proofs=[good, muted, *stopped]).refuted
    assert recorded(*stopped) == []
    assert "at this hour of HostDown" in outcome.Run(alerts=148, facts={}, proofs=[muted]).sentence


def play_nothing(monkeypatch: pytest.MonkeyPatch, spoils: str = "") -> None:
    """Nothing is played, and HostDown is proven; no lab is calm enough for the batch that *spoils* it."""

    class Bench:
        rules, scale = ALERTS, 15.0

        def calm(self, batch: list[Fault]) -> None:
            if any(fault.batch == spoils for fault in batch):
                raise UserError("expected a calm lab")

        def judged(self, _: object) -> preparing.Judged:
            return preparing.Judged(proofs=judge(seen(), ALERTS), strays=[], asleep="")

        def versions(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr(preparing, "ready", lambda *_, **__: nullcontext(Bench()))
    monkeypatch.setattr("harness.proof.batch.Batch", lambda *_: SimpleNamespace(play=lambda: None))
    witness = SimpleNamespace(nothing_is_left=lambda: None)
    monkeypatch.setattr("harness.proof.witness.Witness", lambda: witness)
    paper = on_paper.Paper(dict.fromkeys(ALERTS, ()))
    monkeypatch.setattr(on_paper, "on_paper", lambda *_, **__: paper)


def test_what_would_prove_nothing_now_is_played_last_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [4 * 240.0]  # of the lab it is four o'clock

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    play_nothing(monkeypatch)
    monkeypatch.setattr(cli, "time", SimpleNamespace(time=lambda: clock[0], sleep=sleep))

    assert main(["proof", "RevenueSilence", "HostDown", "--out", str(tmp_path)]) == 0

    assert list(outcome.load(tmp_path).batches) == ["kills", "daytime"]
    said = capsys.readouterr().out
    assert said.index("batch kills") < said.index("waiting 8 min") < said.index("batch daytime")
    assert "a day that takes 96 min here: users-paying-nothing (from 6 to 20 o'clock)" in said


def test_what_nobody_could_see_after_the_last_wave_voids_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(faults: list[Fault]) -> None:
        if not faults:
            raise UserError("expected Prometheus")

    play_nothing(monkeypatch)
    batch = lambda faults, *_: SimpleNamespace(play=lambda: play(faults))  # noqa: E731
    monkeypatch.setattr("harness.proof.batch.Batch", batch)

    assert main(["proof", "HostDown", "--out", str(tmp_path)]) == cli.VOID
    assert "VOID: after the last batch nobody could look: expected Prometheus" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoils", "alert"),
    [("databases", "RedisDown"), ("data", "PostgresDeadlocks")],
    ids=["alone", "in a wave"],
)
def test_a_batch_that_cannot_be_played_stops_no_other(
    spoils: str,
    alert: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    play_nothing(monkeypatch, spoils)

    status = main(["proof", alert, "HostDown", "--out", str(tmp_path)])

    run = outcome.load(tmp_path)
    assert (status, list(run.batches), [one.alert for one in run.proven]) == (1, ["kills"], ["HostDown"])
    assert [one.alert for one in run.proofs if not one.holds] == [alert]
    assert (
        "expected a calm lab" in capsys.readouterr().out
        and "calm lab" in (tmp_path / "proof.html").read_text()
    )


def test_at_production_timing_what_rolls_back_by_itself_is_played_and_faults_last_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preparing, "time_scale", lambda: 15.0)

    assert main(["proof", "--real", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "MitaSystemUnhealthy" in listed and "HostDown" not in listed
    assert main(["proof", "--real", "--list", "HostDown"]) == 0
    assert "MitaSystemUnhealthy" not in capsys.readouterr().out
    assert [one.lasts_s for one in preparing.unhurried([FAULT])] == [FAULT.lasts_s * 15]
    [slow] = preparing.unhurried([replace(FAULT, needs=programs()["nginx"])])
    assert slow.needs and slow.needs.lasts_s == programs()["nginx"].lasts_s * 15


def test_a_report_is_for_its_user_and_holds_what_commands_print(tmp_path: Path) -> None:
    [proof] = judge(seen(), ALERTS)
    words = runbook.readable(b"\x00\x1b[31m [/var/log] \xff")
    step = Step(rung=Rung.RUNBOOK, mark=Mark.NO, why=words)
    run = outcome.Run(alerts=148, facts={}, proofs=[replace(proof, steps=(*proof.steps, step))])

    outcome.save(run, tmp_path)

    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    ET.fromstring((tmp_path / "proof.xml").read_bytes())  # noqa: S314 - ours
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(outcome.table(run))
    assert "[/var/log]" in console.export_text()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--on-paper", "--resume", "somewhere"], "without --resume"),
        (["--on-paper", "--record"], "without --record"),
        (["--resume", "somewhere", "--out", "elsewhere"], "without --out"),
        (["--since", "HEAD", "NoSuch"], "found NoSuch"),
        (["--resume", "/nowhere"], "expected the report of a run"),
    ],
)
def test_words_that_do_not_go_together_are_refused_before_anything_begins(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["proof", *argv]) == 1
    assert says in capsys.readouterr().err
