"""Which fault and which word are about an alert, and what nobody knows of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from harness.faults.truth import Truth
from harness.report.records import Case, Firing, Known, Verdict
from monitoring.escalation import Promise

AFTER_S = 60.0
"""An alert may begin so long after its fault was undone: its window was full of it."""
NEAR_S = 600.0
"""How exactly a person needs to write when an alert began."""
ROUNDED_S = 60.0
"""A person writes minutes: somebody may have acknowledged in the minute in which the alert began."""


def lost(
    known: Known, cases: Sequence[Case], said: Mapping[int, Verdict], promised: Mapping[str, Promise]
) -> Iterator[str]:
    """What is not known of the alerts, in sentences."""
    used = [*said.values()]
    for one in known.verdicts:
        if not any(one is other for other in used):
            about = any(_is_about(one, case.firing) for case in cases)
            second = "a second one about the same time: it is not counted"
            yield f"a verdict about {one.alert} is {second if about else 'about no time that it fired'}"
    for case in cases:
        firing = case.firing
        if firing.cut:
            yield f"{firing.alert} fired already when the period began: its times are not known"
        if firing.broken:
            yield f"{firing.alert} fired when Prometheus went away: nobody knows until when"
        given = said.get(id(firing))
        if given and given.acknowledged is not None and given.acknowledged < firing.began - ROUNDED_S:
            yield f"a verdict says that {firing.alert} was acknowledged before it fired: it is not believed"
    for severity in sorted({case.firing.severity for case in cases} - promised.keys()):
        yield f"nothing is promised of the severity {severity or '(none)'}: its times are not judged"
    yield from (
        f"nobody knows whether {alert} fired under {fault.fault}: {why}"
        for fault, alert, why in _unseen(known)
    )


def judged(known: Known, firings: Sequence[Firing]) -> dict[int, Verdict]:
    """The word about each time that an alert fired: a word is about one time, the nearest that has none."""
    found: dict[int, Verdict] = {}
    pairs = [(one, firing) for one in known.verdicts for firing in firings if _is_about(one, firing)]
    for one, firing in sorted(pairs, key=lambda pair: abs(pair[0].began - pair[1].began)):
        if id(firing) not in found and not any(one is other for other in found.values()):
            found[id(firing)] = one
    return found


def _is_about(said: Verdict, firing: Firing) -> bool:
    end = firing.began if firing.ended is None else firing.ended
    return said.alert == firing.alert and firing.began - NEAR_S <= said.began <= max(
        end, firing.began + NEAR_S
    )


def explains(fault: Truth, firing: Firing) -> bool:
    """Whether a fault proves or may cause an alert, and was there, or just gone, when that began."""
    if fault.service and firing.service != fault.service:
        return False
    in_time = fault.began <= firing.began <= fault.ended + AFTER_S
    return in_time and firing.alert in (*fault.proves, *fault.may)


def misses(known: Known) -> Iterator[str]:
    for fault in known.faults:
        if not _why_unseen(fault, known):
            yield from (f"{alert} did not fire under {fault.fault}" for alert in _silent(fault, known))


def _unseen(known: Known) -> Iterator[tuple[Truth, str, str]]:
    """What did not fire where nobody could have seen it."""
    for fault in known.faults:
        if why := _why_unseen(fault, known):
            yield from ((fault, alert, why) for alert in _silent(fault, known))


def _silent(fault: Truth, known: Known) -> Iterator[str]:
    for alert in fault.proves:
        if not any(one.alert == alert and explains(fault, one) for one in known.firings):
            yield alert


def _why_unseen(fault: Truth, known: Known) -> str:
    """Why an alert that was not seen may have fired; nothing where the whole fault was watched."""
    if fault.began < known.began or fault.ended > known.ended:
        return "the fault reaches over the edge of the period"
    if any(began < fault.ended + AFTER_S and fault.began < ended for began, ended in known.holes):
        return "Prometheus was away"
    return ""
