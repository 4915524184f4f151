"""Killed at every step of a rollback, the daemon takes it up where its records end, and ends it right."""

import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.wait import until
from rollback.crash_points import COMMITS, POINTS, VARIABLE, Moment, point
from rollback.domain.reasons import LedgerKind
from rollback.domain.rollback import TRANSITIONS
from tests.contract.rollback.site import HOSTS, put, site

pytestmark = pytest.mark.hard
Alert = Callable[..., Any]
NEVER = "message_sent:999"
"""A point that is never come to: such a daemon only tells what it passes."""
PASSED = re.compile(r'crash_points_passed points=("[^"]+"|\S+)')
REPEATED = {LedgerKind.HOST_STEP, LedgerKind.ROLLBACK_RESUMED}
"""What a rollback that was cut short writes more often than another one."""
ELSEWHERE = {
    LedgerKind.ALERT_SEEN,
    LedgerKind.SET_ASIDE,
    LedgerKind.HOLD_TOLD,
    LedgerKind.PROPOSAL_ANSWERED,
    LedgerKind.ACKNOWLEDGED,
    LedgerKind.DEPLOYMENT_STARTED,
    LedgerKind.DEPLOYMENT_RESUMED,
    LedgerKind.DEPLOYMENT_FINISHED,
    LedgerKind.LIVE_OBSERVED,
    LedgerKind.FROZEN,
    LedgerKind.UNFROZEN,
    LedgerKind.BREAKER_CLOSED,
    LedgerKind.REHEARSED,
}
"""What no rollback writes on its way. A kind of line that stands neither here nor in an incident fails."""
AT_ONCE = 4
RESUMING = f"{point(Moment.AFTER_COMMIT, LedgerKind.HOST_STEP)}:3"
"""One host is done, and the next life has to take the rollback up."""


@dataclass
class Incident:
    """A bad release, as it goes on; `end` is how a rollback that nothing disturbs ends."""

    name: str
    end: str
    hosts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(HOSTS, "1.0.0"))
    state: dict[str, str] = field(default_factory=lambda: dict.fromkeys(HOSTS, "well"))
    healthy: str = "1"

    @property
    def settings(self) -> dict[str, str]:
        """Bad news comes sooner."""
        return {"verification_timeout": "30s"} if self.healthy == "0" else {}

    @property
    def restored(self) -> list[str]:
        return [host for host, version in self.hosts.items() if version == "1.0.0"]


INCIDENTS = [
    Incident("cured", "succeeded"),
    Incident("fruitless", "unverified", healthy="0"),
    Incident(
        "one host fails",
        "failed",
        hosts={"app1": "1.0.0", "app2": "2.0.0"},
        state={"app1": "well", "app2": "failed"},
    ),
]


@dataclass
class Ended:
    """What is known when all is over."""

    rollbacks: list[Any]
    ledger: list[Any]
    decisions: list[Any]
    alerts: int
    stored: list[str]
    slack: list[str]
    hosts: dict[str, str]
    moves: list[str]
    log: str

    @property
    def kinds(self) -> list[str]:
        """The history without what a rollback repeats that was cut short."""
        return [entry["kind"] for entry in self.ledger if entry["kind"] not in REPEATED]

    @property
    def passed(self) -> list[list[str]]:
        """The points of each moment, in order."""
        return [points.strip('"').split() for points in PASSED.findall(self.log)]


@dataclass
class Bench:
    """Plays incidents, each in a folder of its own."""

    folder: Path
    preparing: Callable[..., Any]
    alert: Alert

    def play(self, incident: Incident, *lives: str) -> Ended:
        """One life after the other, each killed where it is said; the last one goes on to the end."""
        folder = self.folder / re.sub(r"\W", "-", f"{incident.name}-{' '.join(lives)}")
        with site(self.preparing, folder, **incident.settings) as daemon:
            daemon.world.samples = [{"metric": {}, "value": [0, incident.healthy]}]
            for host, state in incident.state.items():
                put(daemon, host, state)
            fired, taken = self.alert(at=datetime.now(UTC)), False
            for wanted in lives:
                daemon.launch_once(**{VARIABLE: wanted})
                taken = taken or self._deliver(daemon, fired)
                if wanted != NEVER:
                    assert daemon.process.wait(timeout=30) == -signal.SIGKILL
                    assert re.search(rf"{wanted}\b", PASSED.findall(daemon.said())[-1])
            if NEVER not in lives:
                daemon.start()
            assert taken or self._deliver(daemon, fired)
            return self._ended(daemon)

    def _deliver(self, daemon: Any, fired: Any) -> bool:
        """Whether it was taken before the daemon died: what was is never delivered again."""

        def taken_or_dead() -> str:
            if deliver(daemon, fired):
                return "taken"
            return "dead" if daemon.process.poll() is not None else ""

        what = "the alert to be taken"
        return until(what, taken_or_dead, deadline_s=20, interval_s=0.05, explain=daemon.said) == "taken"

    def _ended(self, daemon: Any) -> Ended:
        daemon.until_phase("succeeded", "unverified", "failed", "called_off")
        until("all to be told", lambda: waiting(daemon) == 0, deadline_s=20, interval_s=0.05)
        moves = daemon.folder / "moves"
        return Ended(
            rollbacks=daemon.ask("/rollbacks")["rollbacks"],
            ledger=daemon.ledger("shop"),
            decisions=daemon.decisions("shop"),
            alerts=daemon.stored("f1"),
            stored=[row[0] for row in read(daemon, "SELECT notice ->> 'text' FROM notices ORDER BY id")],
            slack=[message["text"] for message in daemon.world.slack],
            hosts={host: (daemon.folder / host).read_text() for host in HOSTS},
            moves=moves.read_text().splitlines() if moves.exists() else [],
            log=daemon.said(),
        )


def deliver(daemon: Any, fired: Any) -> bool:
    try:
        return bool(daemon.deliver(fired).status_code == 202)
    except requests.RequestException:
        return False


def waiting(daemon: Any) -> int:
    return int(read(daemon, "SELECT count(*) FROM notices WHERE state = 'waiting'")[0][0])


def read(daemon: Any, query: str) -> list[Any]:
    """Past the daemon."""
    connection = sqlite3.connect(daemon.settings["database"])
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, preparing: Any) -> Bench:
    conftest = sys.modules[preparing.__module__]
    return Bench(tmp_path_factory.mktemp("steps"), preparing, conftest.wire)


@pytest.fixture(scope="module")
def undisturbed(bench: Bench) -> dict[str, Ended]:
    """How each incident goes when nothing is killed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(
            zip((i.name for i in INCIDENTS), pool.map(lambda i: bench.play(i, NEVER), INCIDENTS), strict=True)
        )


def wrong(incident: Incident, whole: Ended, cut: Ended) -> list[str]:
    """What is not as it should be after a rollback that was cut short."""
    [rollback] = cut.rollbacks
    ours = [entry for entry in cut.ledger if entry.get("rollback_id") == rollback["id"]]
    resumed = [e for e in ours if e["kind"] == LedgerKind.ROLLBACK_RESUMED and e["phase"] == "running"]
    kills = cut.log.count("event=crash_point_armed")
    extra, missing = Counter(cut.slack) - Counter(cut.stored), Counter(cut.stored) - Counter(cut.slack)
    held = {
        "it ends as it should": rollback["phase"] == incident.end,
        "hosts run what they should": cut.hosts == incident.hosts,
        "each host is moved once": sorted(cut.moves) == [f"{host} 1.0.0" for host in incident.restored],
        "the alert is stored once": cut.alerts == 1,
        "it is decided once": [d["reason"] for d in cut.decisions] == ["accepted"],
        "attempts are counted": rollback["attempt"] == 1 + len(resumed),
        "the history is whole and in order": cut.kinds == whole.kinds,
        "time does not go back": [e["at"] for e in ours] == sorted(e["at"] for e in ours),
        "phases follow the table": follows_the_table(ours),
        "what is stored is told": not missing,
        "only what was being sent is told twice": sum(extra.values()) <= kills,
        "the end is told": cut.stored[-1].split()[:2] == whole.stored[-1].split()[:2],
    }
    return [what for what, holds in held.items() if not holds]


def follows_the_table(entries: list[Any]) -> bool:
    phases = ["pending", *(entry["phase"] for entry in entries if "phase" in entry)]
    legal = {(before, after) for (before, _), after in TRANSITIONS.items()}
    return all(step in legal for step in pairwise(phases))


def cases(undisturbed: dict[str, Ended]) -> list[tuple[Incident, tuple[str, ...]]]:
    """Each moment of the first incident, and what only others pass or what ends them."""
    found: list[tuple[Incident, tuple[str, ...]]] = []
    seen: set[str] = set()
    for incident in INCIDENTS:
        for points in undisturbed[incident.name].passed:
            last = points[-1].split(":")[0].endswith(LedgerKind.ROLLBACK_FINISHED)
            if last or not set(points) <= seen:
                found.append((incident, (points[-1],)))
            seen |= set(points)
    again = [f"{point(moment, LedgerKind.ROLLBACK_RESUMED)}:1" for moment in COMMITS]
    return found + [(INCIDENTS[0], (RESUMING, wanted)) for wanted in again]


def test_killed_at_any_step_it_ends_as_if_it_had_not_been(
    bench: Bench, undisturbed: dict[str, Ended], record_testsuite_property: Callable[[str, object], None]
) -> None:
    all_cases = cases(undisturbed)

    def play(case: tuple[Incident, tuple[str, ...]]) -> str:
        incident, lives = case
        try:
            ended = bench.play(incident, *lives)
            problems = wrong(incident, undisturbed[incident.name], ended)
        except Exception as error:
            return f"{incident.name}, killed at {lives}: {error!r}"
        return f"{incident.name}, killed at {lives}: {problems}, {ended}" if problems else ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [said for said in pool.map(play, all_cases) if said]

    record_testsuite_property("rollbacks killed", len(all_cases))
    assert not failures, "\n".join(failures)
    assert len(all_cases) > 25


def test_no_step_of_a_rollback_is_without_a_point(undisturbed: dict[str, Ended]) -> None:
    passed = {p.split(":")[0] for ended in undisturbed.values() for points in ended.passed for p in points}
    resumed = {point(moment, LedgerKind.ROLLBACK_RESUMED) for moment in COMMITS}  # played on its own
    elsewhere = {point(moment, kind) for moment in COMMITS for kind in ELSEWHERE}

    assert passed | resumed == POINTS - elsewhere


def test_nothing_is_wrong_with_what_was_not_disturbed(undisturbed: dict[str, Ended]) -> None:
    for incident in INCIDENTS:
        assert wrong(incident, undisturbed[incident.name], undisturbed[incident.name]) == []
