"""Each time an alert fired: was it right, when was it told, acknowledged, over; and the figures. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import fmean

from harness.faults.truth import Quiet, Truth
from monitoring.escalation import Promise

AFTER_S = 60.0
"""An alert may begin so long after its fault was undone: its window was full of it."""
NEAR_S = 600.0
"""How exactly a person needs to write when an alert began."""
FALSE_BELOW, ACTIONABLE_ABOVE = 0.05, 0.95
"""What the requirements promise of all alerts."""
FOR_NOBODY = ("info", "none")
"""Severities that no person is told of."""


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
    """One time that an alert fired, whichever of its series; `ended` is None where it still does."""

    alert: str
    severity: str
    component: str
    began: float
    ended: float | None
    series: int = 1


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


def report(known: Known, promised: Mapping[str, Promise]) -> Report:
    """What a period was worth, against what is promised of each severity, in minutes."""
    cases = [_case(one, known) for one in known.firings if one.severity not in FOR_NOBODY]
    strangers = [one for one in known.verdicts if not any(_is_about(one, case.firing) for case in cases)]
    lost = [
        *known.lost,
        *(f"a verdict about {one.alert} is about no time that it fired" for one in strangers),
    ]
    return Report(
        known=known,
        cases=cases,
        misses=[*_misses(known)],
        figures=[*_figures(cases, promised, production=known.time_scale == 1)],
        lost=lost,
    )


def _case(firing: Firing, known: Known) -> Case:
    fault = next((one for one in known.faults if _explains(one, firing)), None)
    said = next((one for one in known.verdicts if _is_about(one, firing)), None)
    told = _first(known.told, firing, firing.began)
    page = firing.began if told is None else told
    written = said.acknowledged if said else None
    taken = written if written is not None else _first(known.acknowledged, firing, page)
    begin = fault.began if fault else firing.began
    return Case(
        firing=firing,
        right=_right(fault, said, known),
        actionable=said.actionable if said and said.actionable is not None else True if fault else None,
        fault=fault.fault if fault else "",
        detected=firing.began - fault.began if fault else None,
        told=None if told is None else told - firing.began,
        acknowledged=None if taken is None else max(0.0, taken - page),
        resolved=None if firing.ended is None else firing.ended - begin,
        note=said.note if said else "",
    )


def _right(fault: Truth | None, said: Verdict | None, known: Known) -> Right:
    """A person's word first; without one, what the journal says where it says anything of this period."""
    if said and said.real is not None:
        return Right.TRUE if said.real else Right.FALSE
    if fault:
        return Right.TRUE
    return Right.FALSE if known.faults else Right.UNKNOWN


def _explains(fault: Truth, firing: Firing) -> bool:
    in_time = fault.began <= firing.began <= fault.ended + AFTER_S
    return in_time and firing.alert in (*fault.proves, *fault.may)


def _is_about(said: Verdict, firing: Firing) -> bool:
    end = firing.began if firing.ended is None else firing.ended
    return said.alert == firing.alert and firing.began - NEAR_S <= said.began <= max(
        end, firing.began + NEAR_S
    )


def _first(events: Sequence[Event], firing: Firing, since: float) -> float | None:
    end = float("inf") if firing.ended is None else firing.ended + AFTER_S
    ours = [one.at for one in events if _named(one, firing) and since - 1 <= one.at <= end]
    return min(ours, default=None)


def _named(event: Event, firing: Firing) -> bool:
    return event.alert == firing.alert if event.alert else event.component == firing.component


def _misses(known: Known) -> Iterator[str]:
    for fault in known.faults:
        for alert in fault.proves:
            if not any(one.alert == alert and _explains(fault, one) for one in known.firings):
                yield f"{alert} did not fire under {fault.fault}"


def _figures(cases: Sequence[Case], promised: Mapping[str, Promise], *, production: bool) -> Iterator[Figure]:
    for severity, promise in promised.items():
        ours = [case for case in cases if case.firing.severity == severity and case.right is not Right.FALSE]
        times = {
            "MTTA": (promise.acknowledged, [case.acknowledged for case in ours]),
            "MTTR": (promise.resolved, [case.resolved for case in ours]),
        }
        for name, (minutes, seconds) in times.items():
            found = _mean(f"{name} of {severity}", minutes, seconds)
            proves = production or found.state is not State.MET
            yield found if proves else replace(found, state=State.UNKNOWN)
    rights = [None if case.right is Right.UNKNOWN else case.right is Right.FALSE for case in cases]
    yield _share("false positives", f"< {FALSE_BELOW:.0%}", rights, lambda share: share < FALSE_BELOW)
    wanted = [case.actionable if case.right is not Right.FALSE else False for case in cases]
    more = f"> {ACTIONABLE_ABOVE:.0%}"
    yield _share("actionable", more, wanted, lambda share: share > ACTIONABLE_ABOVE)


def _mean(name: str, minutes: float, seconds: Sequence[float | None]) -> Figure:
    found = [value / 60 for value in seconds if value is not None]
    return _figure(
        name, f"< {minutes:g} min", fmean(found) if found else None, seconds, lambda v: v < minutes
    )


def _share(name: str, promised: str, flags: Sequence[bool | None], holds: Callable[[float], bool]) -> Figure:
    found = [flag for flag in flags if flag is not None]
    return _figure(name, promised, fmean(map(float, found)) if found else None, flags, holds)


def _figure(
    name: str, promised: str, value: float | None, seen: Sequence[object], holds: Callable[[float], bool]
) -> Figure:
    """Met only where nothing is unknown: what nobody knows may be bad."""
    known = sum(one is not None for one in seen)
    state = State.UNKNOWN
    if value is not None and not holds(value):
        state = State.MISSED
    elif value is not None and known == len(seen):
        state = State.MET
    return Figure(
        name=name, promised=promised, value=value, known=known, unknown=len(seen) - known, state=state
    )
