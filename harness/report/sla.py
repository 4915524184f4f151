"""Each time an alert fired: was it right, when was it told, acknowledged, over; and the figures. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from harness.faults.truth import Truth
from harness.report.doubts import AFTER_S, ROUNDED_S, explains, judged, lost, misses
from harness.report.records import Case, Event, Figure, Firing, Known, Report, Right, State, Verdict
from monitoring.escalation import Promise

FALSE_BELOW, ACTIONABLE_ABOVE = 0.05, 0.95
"""What the requirements promise of all alerts."""
CRITICAL, CRITICAL_ABOVE = "critical", 0.99
"""Of those that page somebody at once more of them must be actionable."""
FOR_NOBODY = ("info", "none")
"""Severities that no person is told of."""


def report(known: Known, promised: Mapping[str, Promise]) -> Report:
    """What a period was worth, against what is promised of each severity, in minutes."""
    firings = [one for one in known.firings if one.severity not in FOR_NOBODY]
    said = judged(known, firings)
    cases = [_case(one, known, said.get(id(one))) for one in firings]
    figures = [*_figures(cases, promised, production=known.time_scale == 1)]
    if known.holes:
        figures = [replace(one, state=_at_most_unknown(one.state)) for one in figures]
    return Report(
        known=known,
        cases=cases,
        misses=[*misses(known)],
        figures=figures,
        lost=[*known.lost, *lost(known, cases, said, promised)],
    )


def _at_most_unknown(state: State) -> State:
    """What is met by all that is known may be missed by what is not."""
    return State.UNKNOWN if state is State.MET else state


def _case(firing: Firing, known: Known, said: Verdict | None) -> Case:
    fault = next((one for one in known.faults if explains(one, firing)), None)
    told = _first(known.told, firing, firing.began)
    page = firing.began if told is None else told
    written = said.acknowledged if said else None
    if written is not None and written < firing.began - ROUNDED_S:
        written = None
    taken = written if written is not None else _first(known.acknowledged, firing, page)
    begin = fault.began if fault else firing.began
    whole = firing.ended is not None and not firing.broken and (not firing.cut or fault is not None)
    return Case(
        firing=firing,
        right=_right(firing, fault, said, known),
        actionable=said.actionable if said and said.actionable is not None else True if fault else None,
        fault=fault.fault if fault else "",
        detected=firing.began - fault.began if fault and not firing.cut else None,
        told=None if told is None or firing.cut else told - firing.began,
        acknowledged=None if taken is None or firing.cut else max(0.0, taken - page),
        resolved=firing.ended - begin if whole and firing.ended is not None else None,
        note=said.note if said else "",
    )


def _right(firing: Firing, fault: Truth | None, said: Verdict | None, known: Known) -> Right:
    """A person's word first; without one, what the journal says where it says anything of this period."""
    if said and said.real is not None:
        return Right.TRUE if said.real else Right.FALSE
    if fault:
        return Right.TRUE
    return Right.FALSE if known.faults and not firing.cut else Right.UNKNOWN


def _first(events: Sequence[Event], firing: Firing, since: float) -> float | None:
    end = float("inf") if firing.ended is None else firing.ended + AFTER_S
    ours = [one.at for one in events if _named(one, firing) and since - 1 <= one.at <= end]
    return min(ours, default=None)


def _named(event: Event, firing: Firing) -> bool:
    return event.alert == firing.alert if event.alert else event.component == firing.component


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
    yield _actionable("actionable", cases, ACTIONABLE_ABOVE)
    critical = [case for case in cases if case.firing.severity == CRITICAL]
    yield _actionable(f"actionable of {CRITICAL}", critical, CRITICAL_ABOVE)


def _actionable(name: str, cases: Sequence[Case], above: float) -> Figure:
    wanted = [case.actionable if case.right is not Right.FALSE else False for case in cases]
    return _share(name, f"> {above:.0%}", wanted, lambda share: share > above)


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
