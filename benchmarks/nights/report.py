"""The thousand nights in a page, and whether they meet their goals. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.nights.judgement import Verdict

FOUND = 0.99
"""Of the releases that fail a quarter or more of enough requests, the part that must be rolled back."""
HEALTHY_NIGHTS_PER_PAGE = 100
SHARES = ((0.25, "25 % and more"), (0.05, "5 to 25 %"), (0.0, "below 5 %"))


def missed_goals(verdicts: Sequence[Verdict]) -> list[str]:
    """A sentence for each goal that is missed."""
    wronged = sum(each.wronged for each in verdicts)
    owed = [each for each in verdicts if each.owed]
    found = sum(not each.missed for each in owed)
    healthy = [each for each in verdicts if each.healthy]
    pages = sum(len(each.pages) for each in healthy)
    said = []
    if wronged:
        said.append(f"{wronged} innocent releases were rolled back; none may be")
    if found < FOUND * len(owed):
        said.append(f"{found} of {len(owed)} releases that owed it were rolled back; {FOUND:.0%} must be")
    if pages * HEALTHY_NIGHTS_PER_PAGE > len(healthy):
        said.append(
            f"{pages} pages in {len(healthy)} healthy nights; one in {HEALTHY_NIGHTS_PER_PAGE} may be"
        )
    return said


def text(verdicts: Sequence[Verdict], cpu_seconds: float) -> str:
    """What is printed."""
    guilty = [each for each in verdicts if each.guilty]
    innocent = [each for each in verdicts if each.deployed and not each.guilty]
    healthy = [each for each in verdicts if each.healthy]
    owed = [each for each in verdicts if each.owed]
    lines = [
        f"{len(verdicts)} nights, {cpu_seconds / max(1, len(verdicts)):.2f} CPU seconds each",
        f"innocent releases rolled back: {sum(each.wronged for each in verdicts)} of {len(innocent)}",
        f"25 % errors or more with enough traffic, rolled back: {_of(owed)}",
        f"pages in healthy nights: {sum(len(each.pages) for each in healthy)} in {len(healthy)}",
        f"  and by chance, of UserRegistrationDown where hardly anybody registers: {_chance(healthy)}",
        "",
        f"{'guilty releases':<44} {'rolled back':>12} {'median':>8} {'p95':>8}",
    ]
    for kind, traffic in _present(guilty, lambda each: (each.kind, each.traffic)):
        for least, name in SHARES:
            some = [e for e in guilty if (e.kind, e.traffic) == (kind, traffic) and _class(e.share) == least]
            if some:
                lines.append(f"{kind + ', ' + name + ', ' + traffic:<44} {_of(some):>12} {_times(some)}")
    lines.append("")
    lines += [f"missed: {goal}" for goal in missed_goals(verdicts)] or ["all goals are met"]
    return "\n".join(lines) + "\n"


def worst(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The nights that are wrong, those that did harm first."""
    return sorted((each for each in verdicts if each.wrong), key=lambda each: (not each.wronged, each.number))


def _of(some: Sequence[Verdict]) -> str:
    return f"{sum(not each.missed for each in some)} of {len(some)}"


def _chance(some: Sequence[Verdict]) -> int:
    return sum(len(each.chance) for each in some)


def _times(some: Sequence[Verdict]) -> str:
    seconds = sorted(each.seconds for each in some if each.seconds is not None)
    if not seconds:
        return f"{'-':>8} {'-':>8}"
    late = seconds[math.ceil(0.95 * len(seconds)) - 1]
    return f"{median(seconds):>6.0f} s {late:>6} s"


def _class(share: float) -> float:
    return next(least for least, _ in SHARES if share >= least)


def _present(some: Iterable[Verdict], key: Callable[[Verdict], tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted({key(each) for each in some})
