"""What a report is made of: alerts that fired, what is known of them, and what came of a promise. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.faults.truth import Quiet, Truth


class Right(StrEnum):
    """Whether an alert was right."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class State(StrEnum):
    """How it stands with a promise."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a person says of one time that an alert fired."""

    alert: str
    began: float
    real: bool | None = None
    actionable: bool | None = None
    acknowledged: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Firing:
    """One time that an alert fired for one service, with all its series; `ended` is None while it fires."""

    alert: str
    severity: str
    component: str
    began: float
    ended: float | None
    series: int = 1
    service: str = ""
    cut: bool = False
    """It fired already when Prometheus began to know: nobody knows since when."""
    broken: bool = False
    """Prometheus went away while it fired: nobody knows until when."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Somebody was told of an alert, or acknowledged it."""

    alert: str
    at: float
    component: str = ""
    """Instead of the alert, where only that is known."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Everything that was asked about one period."""

    began: float
    ended: float
    firings: Sequence[Firing]
    holes: Sequence[tuple[float, float]] = ()
    """When Prometheus knew nothing: whatever fired then is not known."""
    faults: Sequence[Truth] = ()
    quiet: Sequence[Quiet] = ()
    told: Sequence[Event] = ()
    acknowledged: Sequence[Event] = ()
    verdicts: Sequence[Verdict] = ()
    lost: Sequence[str] = ()
    """What could not be asked, in sentences."""
    time_scale: float = 1.0
    """How many times faster than production everything runs: what is quick there is not quick."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One time that an alert fired, with all that is known of it; seconds, and None for what is not known."""

    firing: Firing
    right: Right
    actionable: bool | None
    fault: str = ""
    detected: float | None = None
    told: float | None = None
    acknowledged: float | None = None
    resolved: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One promise, what came of it, and of how many alerts that is known."""

    name: str
    promised: str
    value: float | None
    known: int
    unknown: int
    state: State


@dataclass(frozen=True, kw_only=True)
class Report:
    """A period."""

    known: Known
    cases: Sequence[Case]
    misses: Sequence[str]
    figures: Sequence[Figure]
    lost: Sequence[str] = field(default=())
