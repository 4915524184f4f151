"""The daemon in a night: its own intake, looking, deciding and gate, with Prometheus as the rules left it."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.nights.evaluation import Evaluated, Seen, triggers
from benchmarks.nights.exposition import MOMENTS
from benchmarks.nights.night import STEP
from monitoring.catalog import load
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.deployment import NewDeployment, Outcome, Standing
from rollback.domain.facts import HostSeen
from rollback.domain.ports import Active, Began, Fired, Rule, SourceState
from rollback.domain.rollback import CalledOff, Claimed, Rollback
from rollback.domain.stored import Quarantined
from rollback.service.deciding import Decider
from rollback.service.gating import Gatekeeper
from rollback.service.intake import Intake
from rollback.settings import Settings
from ruletools.house.files import RULES

BEGAN = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
REACHES_HOSTS = STEP
"""Seconds from a decision to the moment at which the first host would be touched."""
VETOES = frozenset(alert.name for alert in load(RULES) if alert.labels.get("rollback") == "veto")


@dataclass(frozen=True)
class Played:
    """What became of the release; `said` are the reasons of the decisions, in their order."""

    rolled_back: int | None
    trigger: str
    said: tuple[str, ...]


class World:
    """Prometheus, the hosts and the clock of a night at one moment."""

    def __init__(self, evaluated: Evaluated) -> None:
        self._evaluated, self._night = evaluated, evaluated.night
        self.moment = 0

    def now(self) -> datetime:
        return at(self.moment)

    def ticks(self) -> float:
        return self.now().timestamp()

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        return tuple(
            HostSeen(host=f"app{number + 1}", answered=True, version=self._version(number), ready=True)
            for number in range(self._night.instances)
        )

    def active(self) -> list[Active]:
        watchdog = Active(labels={"rollback": "heartbeat"}, firing=True, since=at(0))
        found = self.alerts(self.moment)
        return [watchdog, *(Active(labels=a.labels, firing=a.firing, since=at(a.since)) for a in found)]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        seen = self.alerts(min(self.moment, _moment(until)))
        return [Began(labels=each.labels, since=at(each.since)) for each in seen if each.name == name]

    def troubled(self, labels: dict[str, str], lookback: float) -> list[dict[str, str]]:
        """Only asked about vetoes."""
        moments = range(max(0, self.moment - int(lookback) // STEP * STEP), self.moment + 1, STEP)
        return [each.labels for moment in moments for each in self.alerts(moment) if each.name in VETOES]

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        return [], []

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        return []

    def number(self, expression: str, version: str | None = None) -> float | None:
        """The expression is the name of the trigger whose evidence is asked."""
        return self._evaluated.evidence.get((self.moment, expression))

    def measure(self, expression: str, version: str) -> bool | None:
        return None

    def proven(self, service: str, env: str, lookback: float) -> bool:
        return False

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        return {
            name: Rule(name=name, labels=dict(rule.labels), evidence=name)
            for name, rule in triggers().items()
        }

    def sources(self) -> list[SourceState]:
        return []

    def alerts(self, moment: int) -> list[Seen]:
        """What is pending or firing."""
        return self._evaluated.alerts.get(moment, [])

    def _version(self, number: int) -> str:
        switched = self._night.switched(number)
        return "1" if switched is None or self.moment < switched else "2"


def play(evaluated: Evaluated) -> Played:
    """Tell the daemon of every trigger that fires, at every evaluation, until a release is rolled back.

    What follows a rollback is not played: the release is away, and the fault with it if it was the release's.
    """
    if not any(
        alert.firing and alert.name in triggers() for each in evaluated.alerts.values() for alert in each
    ):
        return Played(None, "", ())
    with tempfile.TemporaryDirectory(prefix="night-") as place:
        store = SqliteStore(Path(place) / "rollback.db")
        try:
            return _play(evaluated, store)
        finally:
            store.close()


def _play(evaluated: Evaluated, store: SqliteStore) -> Played:
    night, world = evaluated.night, World(evaluated)
    policy = Settings(environment=night.name).policy()
    intake = Intake(store, world, lambda: policy)
    decider = Decider(store, world, world, world, lambda: policy)
    gate = Gatekeeper(store, world, decider.look)
    _deploy(store, night.name, night.instances, "1", -7200, -7100)
    store.mark_release(night.name, night.name, "1", Standing.GOOD, "it was live for hours", at(-3600))
    finish: Callable[[], None] | None = None
    episodes: dict[str, int] = {}
    for moment in MOMENTS:
        world.moment = moment
        if moment == night.deployed:
            finish = _deploy(store, night.name, night.instances, "2", moment, None)
        if finish and moment >= (night.finished() or 0):
            finish()
            finish = None
        told = [each for each in world.alerts(moment) if each.firing and each.name in triggers()]
        episodes = {_key(each): episodes.get(_key(each), moment) for each in told}
        if told:
            alerts = tuple(_told(each, episodes[_key(each)]) for each in told)
            intake.receive(Source.WEBHOOK, alerts).result()
            decider.work()
        for started in store.rollbacks(night.name, 1):
            if not started.finished_at and moment - _moment(started.requested_at) >= REACHES_HOSTS:
                alert = store.decision(started.decision_id).alert
                if not (why := gate.why_closed(alert, started.requested_at)):
                    return Played(moment, alert.name, _said(store, night.name))
                _call_off(store, started, why, world.now())
    return Played(None, "", _said(store, night.name))


def _deploy(
    store: SqliteStore, name: str, instances: int, version: str, began: int, ended: int | None
) -> Callable[[], None]:
    """Begin a deployment, and end it at once where the end is known; else return what ends it."""
    hosts = tuple(f"app{number + 1}" for number in range(instances))
    new = NewDeployment(service=name, env=name, version=version, hosts=hosts, checksum="", rollback_safe=True)
    begun = store.start_deployment(new, at(began))

    def finish(moment: int = began + 45 * instances) -> None:
        store.finish_deployment(begun.id, Outcome.LIVE, "", at(moment))

    if ended is not None:
        finish(ended)
    return finish


def _call_off(store: SqliteStore, rollback: Rollback, why: str, now: datetime) -> None:
    claimed = rollback.apply(Claimed(at=now))
    store.move(rollback, claimed, ())
    store.move(claimed, claimed.apply(CalledOff(at=now, detail=why)), ())


def _said(store: SqliteStore, name: str) -> tuple[str, ...]:
    return tuple(f"{each.alert.name}: {each.reason}" for each in store.decisions(name, 1000)[::-1])


def _told(seen: Seen, since: int) -> Alert:
    """The alert as Alertmanager tells of it, firing since a moment."""
    return Alert(fingerprint=_key(seen), starts_at=at(since), status=AlertStatus.FIRING, labels=seen.labels)


def _key(seen: Seen) -> str:
    return str(sorted(seen.labels.items()))


def at(moment: float) -> datetime:
    """The time of a moment of a night."""
    return BEGAN + timedelta(seconds=moment)


def _moment(when: datetime) -> int:
    return int((when - BEGAN).total_seconds()) // STEP * STEP
