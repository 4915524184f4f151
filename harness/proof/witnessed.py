"""What was seen of a wave: alerts, messages, the faults and what was done about them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.faults.fault import Fault
from harness.incident.receipts import at, names
from harness.proof.decided import Decision
from harness.proof.exhibits import Exhibits
from harness.proof.rolled_back import Rollback
from harness.proof.runbook import Asked
from harness.stack.released import Released
from monitoring.routing import Labels

Config = Mapping[str, Any]
Records = Sequence[Mapping[str, Any]]
PROMETHEUS_S = 1.0
"""How coarse the moments are."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """A time in which a series of an alert was active, as Prometheus has it, in seconds since the epoch."""

    labels: Labels
    pending: float | None
    firing: float | None
    ended: float | None
    """None while it fires."""

    @property
    def name(self) -> str:
        """The name of its alert."""
        return self.labels["alertname"]


@dataclass(frozen=True, kw_only=True)
class Played:
    """A fault, when it was there, and what went wrong with it."""

    fault: Fault
    began: float
    injected: float
    """When it was there; some take seconds to bring about."""
    undone: float | None = None
    problem: str = ""
    asked: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    """The commands of each alert's page, and what they said."""
    released: Released | None = None
    """What it deployed and what became of that, once it is undone."""


@dataclass(frozen=True, kw_only=True)
class Before:
    """What came before a wave."""

    first: bool = True
    """Whether it is the first of its run: nobody has judged what fires already."""
    played: Sequence[Played] = ()
    """The faults of the same run."""
    lives: Sequence[Life] = ()
    """What was active shortly before: that it is over may be told later."""


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """Everything that a judge is given about one wave, and about the time since the wave before."""

    since: float
    """When the witness began to look: where the wave before ended."""
    began: float
    ended: float
    config: Config
    lives: Sequence[Life]
    records: Records
    played: Sequence[Played]
    bounds: Mapping[str, float] = field(default_factory=dict)
    """The most seconds from the fault to the alert, by name."""
    lingers: Mapping[str, float] = field(default_factory=dict)
    """The most seconds for which an alert may still begin because of a fault that is undone, by name."""
    sent: Mapping[str, float] = field(default_factory=dict)
    """When Alertmanager was first seen to know each alert that is to be proven."""
    decisions: Sequence[Decision] = ()
    """What the daemon decided, also before."""
    rollbacks: Sequence[Rollback] = ()
    """What it rolled back, also before."""
    rolled_back_s: float = 0.0
    """The most seconds from an alert to the end of its rollback."""
    exhibits: Mapping[str, Exhibits] = field(default_factory=dict)
    """What is shown of each alert."""
    before: Before = field(default_factory=Before)


def since_then(records: Records, moment: float) -> Records:
    """What was told from a moment on."""
    return [record for record in records if at(record) >= moment]


def told_of(fault: Fault, records: Records) -> Records:
    """What was told of the service that a fault's alerts are about; all where they may be about any."""
    return [record for record in records if not fault.service or names(record, fault.service)]
