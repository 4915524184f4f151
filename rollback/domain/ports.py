"""What the daemon needs from the world. Adapters implement these; a contract suite proves each one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rollback.domain.alert import Alert
from rollback.domain.control import Rehearsal
from rollback.domain.deployment import Release
from rollback.domain.facts import HostSeen
from rollback.domain.rollback import HostResult, Rollback
from rollback.domain.store_of_facts import ControlStore, DeploymentStore, JournalStore
from rollback.domain.store_of_work import DecisionStore, InboxStore, RollbackStore
from rollback.domain.stored import (
    Notice,
    Quarantined,
    Step,
)


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current moment, in UTC. Somebody may set it, forwards or backwards."""
        ...

    def ticks(self) -> float:
        """Seconds since some moment of this life of the daemon: what waits in memory counts by them."""
        ...


Pause = Callable[[float], bool]
"""Wait so many seconds, or less; True when the daemon is stopping."""


class Store(InboxStore, DecisionStore, RollbackStore, DeploymentStore, ControlStore, JournalStore, Protocol):
    """Everything durable. The contract suite in tests/contract runs on each implementation."""


class RunOutcome(StrEnum):
    """How an executor's run ended."""

    RESTORED = "restored"
    FAILED = "failed"
    CALLED_OFF = "called_off"  # the gate stayed closed: no host was touched
    TIMED_OUT = "timed_out"
    HANDED_OVER = "handed_over"  # the daemon is stopping; the next start resumes


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The end of a run: what became of each host that it told of; `detail` is a sentence for people."""

    outcome: RunOutcome
    detail: str = ""
    results: tuple[HostResult, ...] = ()


Gate = Callable[[], str]
"""Asked at the moment the first host would be touched: empty to go on, else why not."""


class Executor(Protocol):
    """Brings every host of a service to a version. Running it twice does no harm."""

    def run(
        self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause, gate: Gate
    ) -> RunResult:
        """Restore `rollback.to_version`; report steps while it works; never raise for a failed run."""
        ...

    def rehearse(self, service: str, target: Release, stopping: Pause) -> tuple[Rehearsal, ...]:
        """Prove the way back on every host without touching anything; nothing where no program can.

        Raises Blind when it cannot run, ShuttingDown when *stopping* says so.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert that Prometheus remembers firing, with the first and last moment inside the asked range."""

    labels: dict[str, str]
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class Active:
    """An alert that Prometheus has now; `firing` is False while it is pending."""

    labels: dict[str, str]
    firing: bool
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Began:
    """Since when the condition of one series of an alert has held."""

    labels: dict[str, str]
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of Prometheus that the daemon reads. Expressions have `{service}` and `{env}` filled in already.

    evidence: above 0 when there is enough to act on. verify: 1 when healthy. measures: the number it judges.
    """

    name: str
    labels: dict[str, str]
    evidence: str = ""
    verify: str = ""
    measures: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Whether a system that the daemon asks answered the last time."""

    name: str
    reachable: bool | None
    failures: int
    error: str = ""


class Monitoring(Protocol):
    """Prometheus and Alertmanager as evidence. Every method raises Blind when it cannot be asked."""

    def active(self) -> list[Active]:
        """Every alert that Prometheus has as pending or firing now."""
        ...

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        """For each series of the alert that was active at *until*: since when, without an inactive moment.

        A restart of Prometheus, which dates alerts anew, does not break the row.
        """
        ...

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        """Alerts with these labels that were pending or firing within the last *seconds*."""
        ...

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        """The alerts for the daemon that Alertmanager holds as active now, and what of them is unreadable."""
        ...

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        """The alerts for the daemon that fired in the time, as far as Prometheus remembers."""
        ...

    def number(self, expression: str, version: str | None = None) -> float | None:
        """The value of an instant expression, the lowest where there are several; None without a sample.

        Where samples carry a version, only the wanted one counts.
        """
        ...

    def measure(self, expression: str, version: str) -> bool | None:
        """True or False as the verify expression says for the version; None when it has no sample."""
        ...

    def proven(self, service: str, env: str, seconds: float) -> bool:
        """Whether the service had traffic, no trigger and paged nobody during the last *seconds*."""
        ...

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        """The rules that may roll back or propose it, by name, filled in for the service."""
        ...

    def sources(self) -> list[SourceState]:
        """How asking went lately."""
        ...


class Probes(Protocol):
    """The service's hosts, asked directly."""

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        """What each host says of itself, in the order of the settings; empty when none is configured."""
        ...


class Messenger(Protocol):
    """A channel to people."""

    @property
    def configured(self) -> bool:
        """False when the site has no such channel."""
        ...

    def send(self, notice: Notice) -> None:
        """Deliver the message within seconds, or raise NotTaken when the channel does not take it now.

        Raises Undeliverable when the channel would never take this message.
        """
        ...
