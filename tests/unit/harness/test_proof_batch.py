"""The order in which the faults of a batch come and go."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults import on_host
from harness.faults.fault import Fault, faults, programs
from harness.incident.receipts import FIRES, OVER
from harness.lab import addresses
from harness.proof import batch, runbook, watching
from harness.proof.exhibits import Scene
from harness.proof.witness import Witness
from harness.proof.witnessed import Life, Played
from harness.stack import released
from monitoring.catalog import load
from monitoring.yaml_text import read_yaml
from ruletools.house.files import RULES

ALERTS = {alert.name: alert for alert in load(RULES)}
ENTRY = "{{release: {0} fails., proves: [CriticalErrorRate], deploys: healthy, batch: releases{1}}}"


IS_OVER, HEARD = batch.Batch._is_over, batch.Batch._heard
OVER_TEXT = "[WARNING] Another on shop\nOver: CriticalErrorRate on shop, 12:00 to 12:01"


class Silent:
    """A Prometheus in which nothing fires, and receivers that nobody tells anything."""

    def alerts(self) -> list[dict[str, str]]:
        return []

    def requests(self, after: int) -> list[dict[str, str]]:
        return []

    def query_range(self, *_: object) -> list[dict[str, str]]:
        return []

    def reset(self) -> int:
        return 0


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done with which fault; every fault is over as soon as it is there."""
    done: list[str] = []
    routes = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
    monkeypatch.setattr(watching, "configuration", lambda: routes)
    monkeypatch.setattr(
        "harness.proof.batch.policy_in_force", lambda: {"cooldown": 40.0, "verification_timeout": 6.0}
    )
    monkeypatch.setattr(released, "inject", lambda fault: done.append(f"{fault.name} begins"))
    monkeypatch.setattr(released, "undo", lambda fault: done.append(f"{fault.name} ends"))
    monkeypatch.setattr(batch, "LOOK_S", 0.001)
    monkeypatch.setattr(runbook, "ask", lambda _: {})
    monkeypatch.setattr(addresses, "prometheus", Silent)
    monkeypatch.setattr(addresses, "receivers", Silent)
    monkeypatch.setattr(batch.Batch, "_heard", lambda *_: True)
    monkeypatch.setattr(batch.Batch, "_is_over", lambda *_: True)
    return done


def played(tmp_path: Path) -> None:
    some(tmp_path)._each_until_told()


def some(tmp_path: Path) -> batch.Batch:
    entries = {"third": ", follows: second", "second": ", follows: first", "first": "", "beside": ""}
    text = "".join(f"{name}: {ENTRY.format(name, more)}\n" for name, more in entries.items())
    (tmp_path / "some.yml").write_text(text)
    chosen: list[Fault] = list(faults(tmp_path).values())
    return batch.Batch(chosen, ALERTS, 15, lambda _: None, Witness())


def test_a_fault_that_follows_another_begins_when_that_one_was_undone(
    events: list[str], tmp_path: Path
) -> None:
    played(tmp_path)

    order = ("first ends", "second begins", "second ends", "third begins", "third ends")
    assert [event for event in events if event in order] == list(order)
    assert len(events) == 8


def test_a_fault_begins_when_there_is_a_place_for_it_the_longest_first(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_over(_: batch.Batch, played: Played) -> bool:
        crowds.append({name for name, one in some_faults._played.items() if one.undone is None})
        return len(crowds) > (200 if played.fault.name == "long" else 100)

    monkeypatch.setattr(batch.Batch, "_is_over", is_over)
    crowds: list[set[str]] = []
    names = ["short", *(f"f{at}" for at in range(batch.MOST_FAULTS)), "long"]
    entries = [f"{name}: {ENTRY.format(name, '')}\n" for name in names]
    (tmp_path / "many.yml").write_text("".join(entries))
    slow, fast = ("SloAvailabilityMediumBurn",), ("PostgresDown",)
    proves = {"long": slow, "short": fast}
    chosen = [replace(one, proves=proves.get(one.name, one.proves)) for one in faults(tmp_path).values()]
    some_faults = batch.Batch(chosen, ALERTS, 15, lambda _: None, Witness())
    some_faults._each_until_told()

    begun = [event.split()[0] for event in events if event.endswith("begins")]
    assert sorted(begun) == sorted(names)
    assert "long" in begun[: batch.AT_ONCE] and "short" in begun[batch.MOST_FAULTS :]
    assert max(len(crowd) for crowd in crowds) == batch.MOST_FAULTS
    assert any({"long", "short"} <= crowd for crowd in crowds), "the others come and go beside it"


def test_what_others_follow_begins_before_what_takes_a_little_longer(
    events: list[str], tmp_path: Path
) -> None:
    by_name = {one.name: one for one in some(tmp_path)._faults}
    long = replace(by_name["beside"], proves=("HighErrorRate",))  # longer than one, shorter than three

    ordered = batch.Batch([long, *by_name.values()], ALERTS, 15, lambda _: None, Witness())._faults

    names = [one.name for one in ordered]
    assert names.index("first") < names.index("beside") < names.index("third")


def test_the_pages_of_a_fault_are_asked_right_before_it(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they say minutes earlier, before other faults, would be no answer without it."""
    monkeypatch.setattr(batch, "_pages", lambda fault: fault.name)
    monkeypatch.setattr(runbook, "ask", lambda name: events.append(f"{name} asked"))

    played(tmp_path)

    for name in ("first", "beside", "second", "third"):
        assert events[events.index(f"{name} begins") - 1] == f"{name} asked"


def test_what_proves_something_at_some_hours_only_begins_before_all_else(
    events: list[str], tmp_path: Path
) -> None:
    long, timely = some(tmp_path)._faults[:2]
    some_faults = [replace(long, proves=("SloAvailabilityMediumBurn",)), replace(timely, hours=(6, 20))]

    [first, _] = batch.Batch(some_faults, ALERTS, 15, lambda _: None, Witness())._faults

    assert first.name == timely.name


def test_what_cannot_be_undone_takes_no_place_for_ever(events: list[str], tmp_path: Path) -> None:
    some_faults = some(tmp_path)
    for fault in some_faults._faults:
        some_faults._played[fault.name] = Played(fault=fault, began=0, injected=0)
    assert some_faults._places() == batch.MOST_FAULTS - 4

    some_faults._left["first"] = "expected a host"
    some_faults._played["beside"] = replace(some_faults._played["beside"], undone=1.0)

    assert some_faults._places() == batch.MOST_FAULTS - 2


def test_nobody_waits_for_ever_for_what_cannot_be_undone_nor_loses_the_others_verdicts(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undo(fault: Fault) -> None:
        if fault.name == "first":
            raise UserError("expected a host")
        events.append(f"{fault.name} ends")

    monkeypatch.setattr(released, "undo", undo)
    monkeypatch.setattr(batch, "STUCK_S", 0.1)
    some_faults = some(tmp_path)

    some_faults._each_until_told()
    some_faults._undo_all()

    problems = {name: played.problem for name, played in some_faults._played.items()}
    assert problems["first"] == "expected a host" and not problems["beside"]
    assert "first, which it follows" in problems["second"] and "second, which" in problems["third"]
    assert [event for event in events if "ends" in event] == ["beside ends"]


def test_a_wave_is_given_the_time_of_all_that_wait_for_a_place(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    monkeypatch.setattr(batch, "until", lambda *_, deadline_s, **__: limits.append(deadline_s))
    one = some(tmp_path)._faults[-1]
    few, many = ([replace(one, name=f"f{at}", follows="") for at in range(n)] for n in (12, 36))

    for chosen in (few, many):
        batch.Batch(chosen, ALERTS, 15, lambda _: None, Witness())._each_until_told()

    lasts = some(tmp_path)._lasts(replace(one, follows=""))
    assert limits[1] - limits[0] >= 2 * lasts, "three times as many take three turns"


def test_what_mail_about_others_names_as_over_before_an_alert_fired_is_not_its_end(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch.Batch, "_heard", HEARD)
    monkeypatch.setattr(batch, "audience", lambda *_: ({"smtp a@b"}, set()))
    some_faults = some(tmp_path)
    some_faults._seen["CriticalErrorRate"] = (1_000.0, {})
    some_faults._sent["CriticalErrorRate"] = 1_000.0

    for minute, is_end in ((16, False), (17, True)):
        mail = {"seq": minute, "at": f"1970-01-01T00:{minute}:00+00:00", "body": {"text": OVER_TEXT}}
        mail |= {"receiver": "smtp", "channel": "a@b", "headers": {}, "valid": True}
        monkeypatch.setattr(Silent, "requests", lambda *_, after, mail=mail: [mail])
        some_faults._look()
        assert some_faults._heard("CriticalErrorRate", OVER) is is_end
        assert not some_faults._heard("CriticalErrorRate", FIRES)


def test_an_alert_is_shown_from_its_fault_to_its_end_and_a_little_longer(
    events: list[str], tmp_path: Path
) -> None:
    """In a long wave the picture would else be one of other faults."""
    some_faults = some(tmp_path)
    fault = replace(some_faults._faults[0], hosts=("app2",))
    some_faults._played = {fault.name: Played(fault=fault, began=100.0, injected=101.0, undone=150.0)}
    life = Life(labels={"alertname": "CriticalErrorRate"}, pending=110.0, firing=120.0, ended=170.0)

    [shown] = some_faults._scenes([life], 9_000.0).values()
    [until_now] = some_faults._scenes([life], 180.0).values()

    assert shown == Scene(hosts=("app2",), span=(100.0, 170.0 + some_faults._telling_s))
    assert until_now.span == (100.0, 180.0)


def test_what_a_fault_needs_is_there_before_anything_is_looked_at_and_until_the_end(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "inject", lambda fault: events.append(f"{fault.name} begins"))
    monkeypatch.setattr(on_host, "undo", lambda fault: events.append(f"{fault.name} ends"))
    monkeypatch.setattr(released, "build", lambda _: None)
    monkeypatch.setattr(batch.Batch, "_played_through", lambda _: events.append("played"))
    one = some(tmp_path)
    one._faults = [replace(one._faults[0], needs=programs()["nginx"])]

    one.play()

    assert events == ["program-nginx begins", "played", "program-nginx ends"]


def test_one_that_cannot_begin_holds_up_no_other(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fault: Fault) -> None:
        raise UserError("expected a host")

    monkeypatch.setattr(released, "inject", refuse)
    played(tmp_path)

    assert sorted(events) == ["beside ends", "first ends", "second ends", "third ends"]


def test_one_that_cannot_be_undone_at_once_is_tried_again_and_holds_up_no_other(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undo(fault: Fault) -> None:
        events.append(f"{fault.name} ends")
        if fault.name == "first" and "beside ends" not in events:
            raise UserError("expected a host")

    def is_over(_: batch.Batch, played: Played) -> bool:
        asked.append(played.fault.name)
        return True

    asked: list[str] = []
    monkeypatch.setattr(batch.Batch, "_is_over", is_over)
    monkeypatch.setattr(released, "undo", undo)
    played(tmp_path)

    assert asked.count("first") == 1  # half undone, it is not said to have been gone
    ends = [event for event in events if "ends" in event]
    assert ends[0] == "first ends" and ends.count("first ends") >= 2
    assert events[-1] == "third ends"


def test_whoever_interrupts_a_fault_that_is_just_brought_about_has_it_undone(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(fault: Fault) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(released, "inject", interrupt)
    batch_of_four = some(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        batch_of_four._each_until_told()
    batch_of_four._undo_all()

    assert "first ends" in events  # another may have begun at the same moment


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("answer", [False, True, UserError("expected app2")])
def test_a_fault_that_was_not_there_to_the_end_has_a_problem(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, heard: bool, answer: object
) -> None:
    def holds(_: Fault) -> object:
        if isinstance(answer, UserError):
            raise answer
        return answer

    monkeypatch.setattr(batch.Batch, "_heard", lambda *_: heard)
    monkeypatch.setattr(on_host, "holds", holds)
    monkeypatch.setattr(runbook, "written", lambda *_: [])
    batch_of_four = some(tmp_path)
    [fault] = [one for one in batch_of_four._faults if one.name == "first"]
    there = Played(fault=fault, began=0, injected=0)
    batch_of_four._played["first"], batch_of_four._before["first"] = there, {}

    assert IS_OVER(batch_of_four, there)

    assert bool(batch_of_four._played["first"].problem) is (answer is not True)


@pytest.mark.parametrize(("hosts", "over"), [(("app2",), True), ((), False)])
def test_nobody_waits_for_a_fault_that_its_hosts_have_undone(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, ...], *, over: bool
) -> None:
    monkeypatch.setattr(batch.Batch, "_heard", lambda *_: False)
    monkeypatch.setattr(on_host, "holds", lambda _: False)
    batch_of_four = some(tmp_path)
    fault = replace(batch_of_four._faults[0], hosts=hosts, lasts_s=60)
    there = Played(fault=fault, began=time.time() - 61, injected=time.time())
    batch_of_four._played[fault.name] = there

    assert IS_OVER(batch_of_four, there) is over


@pytest.mark.parametrize("played", [True, False])
def test_what_was_seen_counts_although_a_program_could_not_be_taken_away(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, played: bool
) -> None:
    @contextmanager
    def needed(_: object) -> Iterator[None]:
        yield
        raise UserError("expected a host")

    def through(_: batch.Batch) -> str:
        if not played:
            raise UserError("expected Prometheus")
        return "seen"

    monkeypatch.setattr(released, "build", lambda _: None)
    monkeypatch.setattr(on_host, "needed", needed)
    monkeypatch.setattr(batch.Batch, "_played_through", through)

    with nullcontext() if played else pytest.raises(UserError, match="expected Prometheus"):
        seen: object = some(tmp_path).play()
        assert seen == "seen"


@pytest.mark.parametrize(("later_s", "rests"), [(0.0, False), (3600.0, True)])
def test_nobody_waits_for_the_end_of_what_was_never_told(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later_s: float, *, rests: bool
) -> None:
    """It fired so shortly that Alertmanager told nobody: its receivers hear of no end either."""
    looks: list[bool] = []

    def look_twice(_: str, at_rest: Callable[[], bool], **__: float) -> None:
        now = time.time()
        for moment in (now, now + later_s):
            monkeypatch.setattr("time.time", lambda moment=moment: moment)
            looks.append(at_rest())

    monkeypatch.setattr(batch.Batch, "_heard", lambda *_: False)
    monkeypatch.setattr(batch, "until", look_twice)
    monkeypatch.setattr(batch, "SETTLE_S", 0)

    some(tmp_path)._until_rest()

    assert looks == [False, rests]


@pytest.mark.parametrize(
    ("verdict", "seen_ago_s", "over"),
    [("", 0, False), ("hold", 0, False), ("roll_back", 0, True), ("hold", 3600, True)],
    ids=["no decision", "it waits", "it goes back", "too late"],
)
def test_a_release_is_left_until_the_daemon_has_gone_back_or_will_not(
    events: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdict: str,
    seen_ago_s: float,
    *,
    over: bool,
) -> None:
    decision = {
        "at": "2999-01-01T00:00:00+00:00",
        "alert": {"alertname": "CriticalErrorRate"},
        "verdict": verdict,
        "rollback_id": 1,
    }
    daemon = SimpleNamespace(decisions=lambda: [decision] if verdict else [])
    monkeypatch.setattr(addresses, "daemon", lambda: daemon)
    monkeypatch.setattr(on_host, "holds", lambda _: True)
    monkeypatch.setattr(runbook, "written", lambda *_: [])
    batch_of_four = some(tmp_path)
    [fault] = [one for one in batch_of_four._faults if one.name == "first"]
    there = Played(fault=fault, began=0, injected=time.time())
    batch_of_four._played["first"], batch_of_four._before["first"] = there, {}
    batch_of_four._seen["CriticalErrorRate"] = (time.time() - seen_ago_s, {})

    assert IS_OVER(batch_of_four, there) is over


def test_a_release_that_must_be_rolled_back_has_the_time_of_the_rollback_too(
    events: list[str], tmp_path: Path
) -> None:
    """Else the wave is given up before the daemon's time is over, and no rollback is open, not wrong."""
    some_faults = some(tmp_path)
    [bad] = [fault for fault in some_faults._faults if fault.name == "first"]
    own = replace(bad, deploys="", hosts=("app1",))

    assert some_faults._limit(bad) == some_faults._limit(own) + some_faults._rolled_back_s
