"""Whether a run may be believed, and whether it kept what was asked of it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.load.meter import MOST_LATE_S

RATE_TOLERANCE = 0.05  # a run that sent 5 % less or more than planned is void
RATIOS, TIMES = ("error_ratio", "bad_ratio"), ("p50", "p95", "p99")
UNITS = {"ms": 0.001, "s": 1.0}


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What a whole run planned and did, over all its processes."""

    planned: int
    sent: int
    late: int = 0
    dropped: int = 0
    answered: int = 0
    lost: int = 0
    why_lost: str = ""
    absent: Sequence[str] = ()  # a sentence for each worker that was missing or lost


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run may be believed, and a sentence about why not; `broken` are limits that it broke."""

    valid: bool
    complete: bool
    planned: int
    sent: int
    late: int
    dropped: int
    sentence: str
    broken: Sequence[str] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as `verdict.json` holds it."""
        return asdict(self)


def _doubt(run: Sums) -> str:
    """Return why the run may not be believed, or nothing."""
    if run.absent:
        return "; ".join(run.absent)
    if not run.planned:
        return "nothing was planned, so nothing was measured"
    if run.dropped:
        return f"{run.dropped} requests were not sent because too many were unanswered; lower the rate"
    share = run.sent / run.planned
    if share < 1 - RATE_TOLERANCE:
        return (
            f"expected {run.planned} requests, sent {run.sent}, {run.late} were {MOST_LATE_S:g} s late; "
            f"{share:.1%} where {1 - RATE_TOLERANCE:.0%} is needed; lower the rate or free a core"
        )
    if share > 1 + RATE_TOLERANCE:
        return (
            f"expected {run.planned} requests, sent {run.sent}; "
            f"{share:.1%} where at most {1 + RATE_TOLERANCE:.0%} is allowed"
        )
    if not run.answered:
        return f"nobody answered, all {run.lost} requests were lost ({run.why_lost}); is the target up?"
    return ""


def judge(run: Sums, *, complete: bool, broken: Sequence[str] = ()) -> Verdict:
    """Return the verdict on a run that ended at its time (*complete*) or before."""
    doubt = _doubt(run)
    words = f"VOID: {doubt}." if doubt else f"Valid: {run.sent} of {run.planned} planned requests sent."
    if not complete:
        words += " The run ended before its time."
    return Verdict(
        valid=not doubt,
        complete=complete,
        planned=run.planned,
        sent=run.sent,
        late=run.late,
        dropped=run.dropped,
        sentence=" ".join([words, *broken]),
        broken=broken,
    )


@dataclass(frozen=True)
class Limit:
    """The most that a value of the whole run may be: a share, or seconds."""

    name: str
    most: float

    def broken(self, values: Mapping[str, Any]) -> str:
        """Return the sentence that says how the limit was broken, or nothing. What is unknown breaks it."""
        found = values[self.name]
        if found is not None and found <= self.most:
            return ""
        said = "nothing" if found is None else self._said(found)
        return f"FAILED: expected {self.name} of at most {self._said(self.most)}, found {said}."

    def _said(self, value: float) -> str:
        return f"{value:.2%}" if self.name in RATIOS else f"{value * 1000:g} ms"


def read_limits(text: str) -> list[Limit]:
    """Return the limits of `error_ratio=0.01,p95=400ms`; ValueError says what was expected."""
    return [_limit(part.strip()) for part in text.split(",") if part.strip()]


def _limit(text: str) -> Limit:
    name, _, value = (part.strip() for part in text.partition("="))
    pattern = r"([\d.]+)()" if name in RATIOS else r"([\d.]+)(ms|s)"
    match = re.fullmatch(pattern, value)
    try:
        if match and name in (*RATIOS, *TIMES):
            return Limit(name, float(match[1]) * UNITS.get(match[2], 1.0))
    except ValueError:  # 1.2.3
        pass
    raise ValueError(
        f"expected {' or '.join(RATIOS)} with a share such as 0.01, "
        f"or {' or '.join(TIMES)} with a time such as 400ms, found {text!r}"
    )
