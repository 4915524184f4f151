"""What happens in a round, drawn from a seed: the same seed and number give the same round. Pure."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

GOOD_SHARE = 0.25
MOST = 4
EARLIEST_S, LATEST_S = 0.0, 12.0
AT_ROLLBACK_S = 4.0
SHORTEST_S, LONGEST_S = 2.0, 15.0


class Anchor(StrEnum):
    """What a moment is counted from."""

    DEPLOYING = "deploying"  # the playbook of the deployment begins
    LIVE = "live"  # it has ended
    ROLLBACK = "rollback"  # the daemon has a first rollback


class Kind(StrEnum):
    """What is done to whom."""

    DAEMON_KILLED = "daemon killed"
    DAEMON_RESTARTED = "daemon restarted"
    DAEMON_AWAY = "daemon away"
    DAEMON_FROZEN = "daemon frozen"
    EXECUTOR_KILLED = "executor killed"
    DATABASE_LOCKED = "database locked"
    ALERTMANAGER_KILLED = "Alertmanager killed"
    ALERTMANAGER_AWAY = "Alertmanager away"
    ALERTMANAGER_FROZEN = "Alertmanager frozen"
    PROMETHEUS_KILLED = "Prometheus killed"
    PROMETHEUS_AWAY = "Prometheus away"
    PROMETHEUS_FROZEN = "Prometheus frozen"
    HOST_WITHOUT_POWER = "without power"
    HOST_FROZEN = "frozen"
    SSH_REFUSED = "refuses SSH"
    SLACK_AWAY = "Slack away"
    DELIVERED_AGAIN = "alerts delivered again"


APPLICATION_HOSTS = ("app1", "app2")
ON_A_HOST = frozenset({Kind.HOST_WITHOUT_POWER, Kind.HOST_FROZEN, Kind.SSH_REFUSED})
AT_ONCE = frozenset(
    {
        Kind.DAEMON_KILLED,
        Kind.DAEMON_RESTARTED,
        Kind.EXECUTOR_KILLED,
        Kind.ALERTMANAGER_KILLED,
        Kind.PROMETHEUS_KILLED,
        Kind.DELIVERED_AGAIN,
    }
)
"""Kinds that are over as soon as they are done."""
HARMLESS_TO_A_DEPLOYMENT = frozenset(
    kind
    for kind in Kind
    if kind.value.startswith(("Alertmanager", "Prometheus", "Slack")) or kind is Kind.DELIVERED_AGAIN
)
"""A deployment whose daemon or hosts are away stops and says so: that is another test's subject."""
SUBJECTS: Mapping[str, tuple[Kind, ...]] = {
    "daemon": (Kind.DAEMON_KILLED, Kind.DAEMON_RESTARTED, Kind.DAEMON_AWAY, Kind.DAEMON_FROZEN),
    "executor": (Kind.EXECUTOR_KILLED,),
    "database": (Kind.DATABASE_LOCKED,),
    "alertmanager": (Kind.ALERTMANAGER_KILLED, Kind.ALERTMANAGER_AWAY, Kind.ALERTMANAGER_FROZEN),
    "prometheus": (Kind.PROMETHEUS_KILLED, Kind.PROMETHEUS_AWAY, Kind.PROMETHEUS_FROZEN),
    "host": (Kind.HOST_WITHOUT_POWER, Kind.HOST_FROZEN, Kind.SSH_REFUSED),
    "slack": (Kind.SLACK_AWAY,),
    "webhook": (Kind.DELIVERED_AGAIN,),
}
"""In one round a subject is disturbed once: two disturbances of one would undo each other."""


@dataclass(frozen=True, order=True)
class Disturbance:
    """Something that is done so many seconds after *anchor* and undone *lasts_s* later."""

    anchor: Anchor
    after_s: float
    kind: Kind
    lasts_s: float = 0.0
    host: str = ""

    def __str__(self) -> str:
        who = f"{self.host} " if self.host else ""
        length = f" for {self.lasts_s:g} s" if self.lasts_s else ""
        return f"{self.anchor}+{self.after_s:g} {who}{self.kind}{length}"


@dataclass(frozen=True)
class Schedule:
    """One round: whether its release is bad, and what else happens."""

    seed: int
    number: int
    bad: bool
    disturbances: tuple[Disturbance, ...]

    def __str__(self) -> str:
        release = "a bad release" if self.bad else "a healthy release"
        return f"{release}; {', '.join(map(str, self.disturbances))}"

    def has(self, *kinds: Kind) -> bool:
        """Whether one of these happens in it."""
        return any(one.kind in kinds for one in self.disturbances)


def draw(seed: int, number: int) -> Schedule:
    """The round of that number."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  (repeatable is what is wanted)
    bad = chance.random() >= GOOD_SHARE
    possible = sorted(SUBJECTS if bad else SUBJECTS.keys() - {"executor"})
    subjects = chance.sample(possible, chance.randint(1, MOST))
    return Schedule(
        seed, number, bad, tuple(sorted(_disturbance(chance, subject, bad) for subject in subjects))
    )


def _disturbance(chance: random.Random, subject: str, bad: bool) -> Disturbance:
    kind = chance.choice(SUBJECTS[subject])
    anchor = chance.choice(_anchors(kind, bad))
    latest = AT_ROLLBACK_S if anchor is Anchor.ROLLBACK else LATEST_S
    return Disturbance(
        anchor=anchor,
        after_s=round(chance.uniform(EARLIEST_S, latest), 1),
        kind=kind,
        lasts_s=0.0 if kind in AT_ONCE else round(chance.uniform(SHORTEST_S, LONGEST_S), 1),
        host=chance.choice(APPLICATION_HOSTS) if kind in ON_A_HOST else "",
    )


def _anchors(kind: Kind, bad: bool) -> list[Anchor]:
    """The moments that make sense: an executor is there only while a rollback is."""
    if kind is Kind.EXECUTOR_KILLED:
        return [Anchor.ROLLBACK]
    anchors = [Anchor.LIVE, *([Anchor.ROLLBACK] if bad else [])]
    return [Anchor.DEPLOYING, *anchors] if kind in HARMLESS_TO_A_DEPLOYMENT else anchors
