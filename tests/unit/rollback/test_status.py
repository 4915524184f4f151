"""The status page and other texts: readable at night, true at the moment, fast when things are bad."""

import re
import sqlite3
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback import cli, cli_status, cli_text
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.consequences import Consequences
from rollback.domain.control import Cause, Rehearsal
from rollback.domain.deployment import Standing
from rollback.domain.facts import HostSeen
from rollback.domain.policy import Mode, Policy
from rollback.domain.rollback import (
    HostResult,
    HostState,
    Measure,
    Phase,
    Sample,
    Verification,
    VerificationVerdict,
)
from rollback.domain.stored import Batch, Quarantined, Step
from rollback.service import supposing
from rollback.service.asking import FreezeWish, People
from rollback.service.deciding import Decider
from rollback.service.desk import Desk
from rollback.service.intake import Intake

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")


@dataclass
class Night:
    """1 is good, 2 is live since noon; it is five past."""

    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        def policy() -> Policy:
            return self.policy

        self.intake = Intake(self.store, self.clock, policy)
        self.decider = Decider(self.store, self.clock, self.monitoring, self.probes, policy)
        self.desk = Desk(self.store, self.clock, self.monitoring, self.decider, policy)
        self.people = People(self.store, self.decider.look, policy)
        self.probes.live = {"app1": "2", "app2": None}
        self.clock.move(5)

    def arrive(self, *alerts: Any) -> None:
        self.intake.receive(Source.WEBHOOK, alerts).result()
        self.decider.work()

    @property
    def shop(self) -> Any:
        return self.desk.status()["services"]["shop"]

    @property
    def page(self) -> str:
        return cli_status.status(self.desk.status())

    def end(
        self,
        phase: Phase,
        verdict: VerificationVerdict | None,
        measures: tuple[Measure, ...] = (),
        **follows: Any,
    ) -> None:
        [active] = self.store.in_phase(Phase.PENDING)
        now = self.clock.now()
        results = (
            HostResult(host="app1", state=HostState.DONE, at=now),
            HostResult(host="app2", state=HostState.UNREACHABLE, at=now, detail="no answer"),
        )
        samples = (Sample(at=now, healthy=False, measures=measures),) if measures else ()
        verification = Verification(verdict=verdict, at=now, samples=samples) if verdict else None
        after = replace(
            active, phase=phase, results=results, verification=verification, finished_at=now, changed_at=now
        )
        self.store.move(active, after, (), (), Consequences(**follows))


@pytest.fixture
def night(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Night:
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    return Night(store, clock, monitoring, probes, make, make.policy())


def test_the_page_of_an_ordinary_night(night: Night) -> None:
    status = night.desk.status()
    shop = status["services"]["shop"]

    assert (status["environment"], status["freeze"]) == ("production", None)
    assert shop["current"] == {"version": "2", "live_at": "2026-03-01T12:01:00+00:00"}
    assert (shop["known_good"], shop["best_guess"], shop["keep"]) == ("1", None, ["2", "1"])
    assert [(r["version"], r["standing"], r["by"]) for r in shop["releases"]] == [
        ("2", "unproven", ""),
        ("1", "good", "the test"),
    ]
    assert shop["hosts"] == [
        {"host": "app1", "answered": True, "version": "2", "ready": True},
        {"host": "app2", "answered": False, "version": None, "ready": None},
    ]
    assert shop["deployment_window_ends"] == "2026-03-01T12:31:00+00:00"
    assert (shop["deployment_running"], shop["cooldown_until"], shop["active_rollback"]) == (
        False,
        None,
        None,
    )
    for line in (
        "  live         2 since 2026-03-01 12:01:00Z",
        "  hosts        app1 runs 2, ready",
        "               app2 does NOT answer",
        "  go back to   1",
        "  releases     2 unproven, 1 good by the test",
        "  if it fired  2 would be rolled back to 1: every guard agreed (accepted)",
    ):
        assert line in night.page.splitlines()


def test_a_release_that_is_not_left_by_itself_is_named_before_anything_happens(night: Night) -> None:
    assert "not by itself" not in night.page

    night.make.live(night.store, "3", minutes=6, rollback_safe=False)

    lines = night.page.splitlines()
    assert "  releases     3 unproven, not rollback_safe, 2 unproven, 1 good by the test" in lines
    said = " ".join(lines[lines.index("  go back to   1") + 1 :][:2]).split()
    assert " ".join(said).startswith(
        "not by itself: 3 does not say rollback_safe, so each rollback is proposed"
    )


def test_what_has_passed_is_not_shown_as_if_it_still_held(night: Night) -> None:
    night.people.freeze(FreezeWish(service=None, reason="x", by="ann", lasting=timedelta(minutes=5)))
    night.people.freeze(FreezeWish(service="shop", reason="y", by="ann", lasting=timedelta(minutes=5)))
    assert night.desk.status()["freeze"]["reason"] == "x"
    assert night.shop["freeze"]
    night.people.unfreeze("shop", "ann")
    night.people.unfreeze("", "ann")
    night.arrive(night.make.alert())
    night.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)
    assert night.shop["cooldown_until"] == "2026-03-01T12:15:00+00:00"
    night.people.freeze(FreezeWish(service=None, reason="x", by="ann", lasting=timedelta(minutes=5)))

    night.clock.move(60)

    assert (night.desk.status()["freeze"], night.shop["freeze"]) == (None, None)
    assert (night.shop["cooldown_until"], night.shop["deployment_window_ends"]) == (None, None)
    assert night.desk.freezes() == []
    for word in ("  cooldown", "  window", "FROZEN"):
        assert word not in night.page


def test_a_deployment_is_shown_as_running_while_it_lives(night: Night) -> None:
    night.store.start_deployment(night.make.new("3"), night.clock.now())
    assert night.shop["deployment_running"]
    assert "DEPLOYING    3 (deployment 3) since 2026-03-01 12:05:00Z" in night.page

    night.clock.move(15)

    assert not night.shop["deployment_running"]
    assert "DEPLOYING" not in night.page


def test_while_a_deployment_runs_the_live_release_is_what_one_would_go_back_to(night: Night) -> None:
    night.store.mark_release("shop", "production", "2", Standing.GOOD, "the test", night.clock.now())
    assert night.shop["known_good"] == "1"

    night.store.start_deployment(night.make.new("3"), night.clock.now())

    assert night.shop["known_good"] == "2"


def test_a_host_that_runs_something_else_is_among_what_is_wrong(night: Night) -> None:
    night.probes.live = {"app1": "1", "app2": None}
    assert "DIFFERS      2 should be live everywhere, but app1 runs 1" in night.page

    night.store.start_deployment(night.make.new("3"), night.clock.now())
    assert "DIFFERS" not in night.page


def test_what_is_wrong_comes_first_and_says_what_to_type(night: Night) -> None:
    night.arrive(night.make.alert())
    night.end(
        Phase.UNVERIFIED,
        VerificationVerdict.NOT_FIXED,
        standings=(("1", Standing.SUSPECT),),
        cause=Cause.FRUITLESS,
        why="rollback 1 to 1 was measured not_fixed",
    )
    night.people.freeze(FreezeWish(service="shop", reason="move", by="ann", lasting=timedelta(hours=1)))
    shop = night.shop

    assert shop["unresolved"] == {"rollback_id": 1, "states": ["incomplete", "unverified"]}
    assert (shop["waiting_hosts"], shop["breaker"]["cause"]) == (["app2"], "fruitless")
    assert (shop["last_rollback"]["verdict"], shop["known_good"]) == ("not_fixed", None)
    first = night.page.split("shop (production)\n")[1].splitlines()
    labels = [line[2:14].strip() for line in first if line[2] != " "]
    assert labels[:5] == ["OPEN", "WAITING", "BREAKER", "FROZEN", "live"]
    for typed in ("acknowledge 1", "breaker close shop", "unfreeze shop"):
        assert f"{' ' * 15}rollbackctl {typed}" in night.page.splitlines(), "whole, to be copied"
    assert "NOTHING: there is no other release to go back to" in night.page


def test_a_hold_is_shown_with_its_reason_and_since_when(night: Night) -> None:
    night.monitoring.evidence = 0.0
    night.arrive(*(night.make.alert(fingerprint=str(n)) for n in range(3)))
    night.clock.move(2)

    [hold] = night.shop["holds"]
    assert hold == {
        "decision_id": 1,
        "alertname": "Anything",
        "alerts": 3,
        "reason": "not_enough_evidence",
        "sentence": "too little has happened to judge the release by it",
        "since": "2026-03-01T12:05:00+00:00",
    }
    assert "ON HOLD      Anything (3 alerts) since 2026-03-01 12:05:00Z: too little" in night.page
    night.monitoring.evidence = 1.0
    night.arrive(*(night.make.alert(fingerprint=str(n)) for n in range(3)))
    assert night.shop["holds"] == []


def test_an_open_proposal_is_shown_until_it_is_answered(night: Night) -> None:
    night.arrive(night.make.alert(labels={"rollback": "propose"}))
    assert night.shop["proposal"]["to_version"] == "1"
    assert (
        "PROPOSED     2 to 1, not done by itself: this trigger may only be proposed; to answer:" in night.page
    )
    assert "rollbackctl explain 1; rollbackctl approve 1; rollbackctl reject 1" in night.page

    night.people.reject(1, "ann", "")

    assert night.shop["proposal"] is None
    assert night.shop["would"]["reason"] == "accepted"


def test_a_rollback_under_way_is_shown_once_with_its_beginning(night: Night) -> None:
    night.arrive(night.make.alert())

    assert "ROLLING BACK rollback 1, 2 to 1: pending, begun 2026-03-01 12:05:00Z" in night.page
    assert "  last" not in night.page


def test_the_last_rollback_says_what_was_measured(night: Night) -> None:
    night.arrive(night.make.alert())
    bad = Measure(alertname="CriticalErrorRate", healthy=False, value=0.31)
    night.end(Phase.UNVERIFIED, VerificationVerdict.NOT_FIXED, measures=(bad,))

    said = " ".join(night.page.split())

    assert "measured not_fixed (CriticalErrorRate 0.31 (NOT well)) at 2026-03-01 12:05:00Z" in said


def test_the_last_rollback_says_why_it_did_not_touch_a_host(night: Night) -> None:
    night.arrive(night.make.alert())
    [active] = night.store.in_phase(Phase.PENDING)
    now = night.clock.now()
    off = replace(active, phase=Phase.CALLED_OFF, detail="ann froze it", finished_at=now, changed_at=now)
    night.store.move(active, off, (), ())

    assert "called_off at 2026-03-01 12:05:00Z; ann froze it" in " ".join(night.page.split())


def test_a_freeze_of_all_services_is_shown_once(night: Night) -> None:
    night.people.freeze(FreezeWish(service=None, reason="move", by="ann", lasting=timedelta(hours=1)))

    assert night.page.count("FROZEN") == 1


def test_rehearsals_are_shown_host_by_host(night: Night) -> None:
    assert "way back     not yet proven on any host" in night.page
    found = (
        Rehearsal(host="app1", ok=True, at=NOON),
        Rehearsal(host="app2", ok=False, at=NOON, detail="the key was refused"),
    )
    night.store.rehearsed(*KEY, found, ("app1", "app2"))

    assert [r["ok"] for r in night.shop["rehearsals"]] == [True, False]
    assert "NO WAY BACK  app2: the key was refused (tried 2026-03-01 12:00:00Z)" in night.page
    assert "way back     proven on app1 at 2026-03-01 12:00:00Z" in night.page


def blind(night: Night) -> None:
    night.monitoring.blind = True


def frozen(night: Night) -> None:
    night.people.freeze(FreezeWish(service=None, reason="x", by="ann", lasting=timedelta(hours=1)))


def by_hand(night: Night) -> None:
    night.probes.live = {"app1": "3"}


def redis(night: Night) -> None:
    night.monitoring.vetoes = [{"alertname": "RedisDown", "env": "production", "host": "data"}]


def elsewhere(night: Night) -> None:
    night.monitoring.vetoes = [{"alertname": "RedisDown", "env": "staging", "host": "data"}]


def own_host(night: Night) -> None:
    night.monitoring.vetoes = [{"alertname": "HostDown", "env": "production", "host": "app2"}]


def later(night: Night) -> None:
    night.clock.move(60)


def only_proposed(night: Night) -> None:
    night.policy = night.make.policy(modes={"a": Mode.OFF, "b": Mode.PROPOSE})


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        (lambda _: None, "roll_back", "accepted"),
        (blind, "hold", "blind"),
        (frozen, "hold", "frozen"),
        (by_hand, "hold", "other_version_live"),
        (redis, "propose", "dependency_down"),
        (elsewhere, "roll_back", "accepted"),
        (own_host, "roll_back", "accepted"),
        (later, "ignore", "no_deployment_in_window"),
        (only_proposed, "propose", "mode_propose"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_page_says_what_would_happen_now_and_why(
    night: Night, change: Any, verdict: str, reason: str
) -> None:
    change(night)

    would = night.shop["would"]

    assert (would["verdict"], would["reason"]) == (verdict, reason)
    assert would["sentence"]
    assert f"({reason})" in " ".join(night.page.split())
    assert not night.store.decisions(None, 10)


def test_a_proposal_says_what_there_is_to_go_back_to(night: Night) -> None:
    only_proposed(night)

    assert "if it fired a person would be asked to go back to 1: " in " ".join(night.page.split())


def test_a_proposal_says_that_there_is_nothing_to_go_back_to(
    store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any
) -> None:
    make.live(store, "2", minutes=0)
    first = Night(store, clock, monitoring, probes, make, make.policy())

    assert (
        "if it fired a person would be asked what to do, because no earlier release is known to be good: "
        in " ".join(first.page.split())
    )


class Slow:
    """A neighbour that hangs for longer than anybody waits."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        time.sleep(supposing.PATIENCE + 2)
        return []

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        time.sleep(supposing.PATIENCE + 2)
        return ()


@pytest.mark.parametrize("who", ["prometheus", "hosts"])
def test_the_page_does_not_wait_for_neighbours_that_hang(night: Night, who: str) -> None:
    if who == "prometheus":
        night.monitoring = Slow(night.monitoring)
    else:
        night.probes = Slow(night.probes)
    night.__post_init__()
    began = time.monotonic()

    status = night.desk.status()

    assert time.monotonic() - began < supposing.PATIENCE + 1
    if who == "prometheus":
        assert status["services"]["shop"]["would"]["reason"] == "blind"


def test_services_of_another_environment_are_not_on_the_page(night: Night) -> None:
    night.make.live(night.store, "9", minutes=1, service="other", env="staging")

    assert list(night.desk.status()["services"]) == ["shop"]


def test_no_line_is_wider_than_a_terminal(night: Night) -> None:
    night.people.mark("shop", "1", Standing.GOOD, "a" * 60, "words " * 60)
    night.monitoring.evidence = None
    night.arrive(night.make.alert(labels={"alertname": "A" * 60}))

    assert max(map(len, night.page.splitlines())) <= 100


def test_an_empty_daemon_says_what_to_do(
    store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any
) -> None:
    decider = Decider(store, clock, monitoring, probes, make.policy)

    page = cli_status.status(Desk(store, clock, monitoring, decider, make.policy).status())

    assert "No deployment has been registered yet" in page


def test_a_decision_is_explained_guard_by_guard(night: Night) -> None:
    night.arrive(night.make.alert(annotations={"summary": "31 % fail"}))
    night.arrive(*(night.make.alert(fingerprint=str(n)) for n in range(9)))

    text = cli_text.explanation(night.desk.decision(1))

    assert "Decision 1 at 2026-03-01 12:05:00Z: roll_back (accepted)" in text
    assert "because every guard agreed" in text
    assert "alert Anything of shop (production), firing since" in text
    assert "31 % fail" in text
    assert "9 later alerts changed nothing because of it" in text
    assert re.search(r"^yes +began_after_deployment +deployment_began=", text, flags=re.MULTILINE)
    follower = cli_text.explanation(night.desk.decision(2))
    assert "because a rollback of the service is under way (rollback 1)" in follower
    assert "the same for 9 alerts" in follower


def test_an_objection_stands_out(night: Night) -> None:
    preview = night.desk.preview("Anything", None, "moon_phase")

    assert (preview["verdict"], preview["reason"]) == ("ignore", "unknown_trigger")
    text = cli_text.explanation({**preview, "id": 0, "rollback_id": None})
    assert re.search(r"^NO +known_trigger +unknown_trigger", text, flags=re.MULTILINE)


def test_a_preview_knows_the_rule_of_prometheus(night: Night) -> None:
    preview = night.desk.preview("Anything", "shop", None)

    assert (preview["trigger"], preview["verdict"], preview["env"]) == (
        "error_rate_threshold",
        "roll_back",
        "production",
    )


def test_lists_are_readable_and_say_so_when_empty(night: Night) -> None:
    assert "No decision yet" in cli_text.decisions({"decisions": night.desk.decisions(None, 10)})
    assert "Nothing has been rolled back" in cli_text.rollbacks({"rollbacks": night.desk.rollbacks(None, 10)})
    assert "Nothing was proposed" in cli_text.proposals({"proposals": night.desk.proposals(10)})
    night.arrive(night.make.alert())
    night.end(Phase.FAILED, None)

    assert "2 -> 1" in cli_text.decisions({"decisions": night.desk.decisions(None, 10)})
    text = cli_text.rollbacks({"rollbacks": night.desk.rollbacks(None, 10)})
    assert "Rollback 1: shop 2 -> 1, failed" in text
    assert "app2: unreachable  no answer" in text


def test_a_proposal_is_listed_with_why(night: Night) -> None:
    night.arrive(night.make.alert(labels={"rollback": "propose"}))

    text = cli_text.proposals({"proposals": night.desk.proposals(10)})

    assert re.search(r"^1 +2026.* shop +2 -> 1 +open +this trigger may only be proposed$", text, re.MULTILINE)
    assert "To answer: rollbackctl explain ID, then rollbackctl approve ID or reject ID" in text
    assert re.search(r" propose +mode_propose +2 -> 1$", cli_text.decisions(listed(night)), re.MULTILINE)
    said = cli_text.explanation(night.desk.decision(1))
    assert "  proposed: 2 -> 1; see: rollbackctl proposals" in said.splitlines()

    night.people.reject(1, "ann", "")

    assert "To answer" not in cli_text.proposals({"proposals": night.desk.proposals(10)})


def listed(night: Night) -> Any:
    return {"decisions": night.desk.decisions(None, 10)}


def test_the_record_says_how_long_each_stage_took(night: Night) -> None:
    night.arrive(night.make.alert(minutes=4.9))
    [active] = night.store.in_phase(Phase.PENDING)
    running = replace(
        active, phase=Phase.RUNNING, attempt=1, started_at=night.clock.now() + timedelta(seconds=1)
    )
    night.store.move(active, running, ())

    def later(seconds: float) -> datetime:
        moment: datetime = night.clock.now() + timedelta(seconds=seconds)
        return moment

    for step in (
        Step(at=later(2), host="all", step="gate", status="asked"),
        Step(at=later(3), host="app1", step="host", status="started"),
        Step(at=later(4), host="app1", step="host", status="done"),
        Step(at=later(5), host="app2", step="host", status="unreachable"),
    ):
        night.store.add_step(running, step)
    verification = Verification(verdict=VerificationVerdict.FIXED, at=later(40))
    night.store.move(
        running,
        replace(
            running,
            phase=Phase.SUCCEEDED,
            restored_at=later(6),
            verification=verification,
            finished_at=later(40.1),
        ),
        (),
    )

    assert night.desk.rollback(1)["stages"] == {
        "received": 6.0,
        "decided": 6.0,
        "started": 7.0,
        "gate": 8.0,
        "hosts": {"app1": 10.0},
        "restored": 12.0,
        "verified": 46.0,
        "finished": 46.1,
    }


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])

    said = capsys.readouterr().out
    for words in ("rollbackctl explain 7", "rollbackctl approve 12", "exit codes", "Run it as root"):
        assert words in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize(
    "words",
    [
        ["freeze", "--reason", "x"],
        ["freeze", "--for", "2h"],
        ["freeze", "--for", "soon", "--reason", "x"],
        ["mark", "fine", "1"],
        ["breaker", "open", "shop"],
        ["approve"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)

    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_settings_the_command_line_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert cli.main(["--settings", str(tmp_path / "none.yml"), "status"]) == 1

    assert "give --url and --secret-file" in capsys.readouterr().err


def test_what_is_wrong_with_the_daemon_and_what_it_set_aside_come_first(
    store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any
) -> None:
    batch = Batch(
        at=clock.now(),
        source=Source.WEBHOOK,
        alerts=(make.alert(),),
        retry_before=clock.now(),
        quarantined=(Quarantined(body='{"labels": 1}', problem="labels are none"),),
    )
    store.receive(batch).result()
    store.set_aside({1: "deciding about it failed 5 times"}, clock.now())
    decider = Decider(store, clock, monitoring, probes, make.policy)
    desk = Desk(store, clock, monitoring, decider, make.policy, lambda: ["care fails again and again: boom"])

    found = desk.status()
    page = " ".join(cli_status.status(found).split())

    assert (found["quarantined"], len(found["set_aside"])) == (2, 2)
    assert "TROUBLE care fails again and again: boom; see: journalctl -u rollback" in page
    assert "set aside 2 alerts could not be read or decided; the last at" in page
    assert "deciding about it failed 5 times" in page


def test_a_proposal_whose_decision_cannot_be_read_hides_nothing_else(night: Night, tmp_path: Path) -> None:
    night.arrive(night.make.alert(labels={"rollback": "propose"}))
    assert night.desk.status()["services"]["shop"]["proposal"]
    with sqlite3.connect(tmp_path / "rollback.db") as other:
        other.execute("UPDATE decisions SET body = '{'")

    assert night.desk.status()["services"]["shop"]["proposal"] is None
