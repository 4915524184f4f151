"""What happened in each second of a run, and whether it may be believed. Pure: the clock is passed in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

RATE_TOLERANCE = 0.05  # a run that sent 5 % less than planned is void
MOST_LATE_S = 1.0  # an arrival launched later than this does not count as achieved


@dataclass
class Second:
    """Counts of one wall-clock second: bad is an error answer or a slow one, lost is no answer at all.

    `again` counts requests that were sent a second time, because a kept connection ended before any answer.
    """

    t: int
    sent: int = 0
    ok: int = 0
    failed: int = 0
    slow: int = 0
    lost: int = 0
    again: int = 0
    first_bad: float | None = None
    last_bad: float | None = None
    first_good: float | None = None
    last_good: float | None = None
    by_target: dict[str, dict[str, int]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        """Return this second's JSON line; p50 and p95 are seconds, None where nothing was answered."""
        values = asdict(self)
        ordered = sorted(values.pop("latencies"))
        return {**values, "p50": quantile(ordered, 0.50), "p95": quantile(ordered, 0.95)}


def quantile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that *share* of the ordered values do not exceed."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)


class Meter:
    """Counts arrivals and responses. A second is closed once the clock has left it by GRACE seconds."""

    GRACE = 1

    def __init__(self, *, slow_over: float | None = None) -> None:
        self._slow_over = slow_over
        self._open: dict[int, Second] = {}
        self.sent = self.late = self.dropped = 0

    def _second(self, at: float) -> Second:
        return self._open.setdefault(int(at), Second(int(at)))

    def arrival(self, at: float, late: float) -> None:
        """Count one request launched at *at*, *late* seconds after its time."""
        self.sent += 1
        self.late += late > MOST_LATE_S
        self._second(at).sent += 1

    def drop(self) -> None:
        """Count one request that was not launched because too many were in flight."""
        self.dropped += 1

    def again(self, at: float) -> None:
        """Count one request that is sent a second time."""
        self._second(at).again += 1

    def response(self, at: float, seconds: float, status: int, target: str) -> None:
        """Count the end of one request; *status* 0 means that no answer came."""
        second = self._second(at)
        slow = self._slow_over is not None and seconds > self._slow_over
        kind = "lost" if not status else "failed" if status >= 400 else "slow" if slow else "ok"
        setattr(second, kind, getattr(second, kind) + 1)
        counts = second.by_target.setdefault(target, {})
        counts[kind] = counts.get(kind, 0) + 1
        if kind == "ok":
            second.first_good, second.last_good = _stretch(second.first_good, second.last_good, at)
        elif kind != "lost":
            second.first_bad, second.last_bad = _stretch(second.first_bad, second.last_bad, at)
        if status:
            second.latencies.append(seconds)

    def closed(self, now: float) -> list[Second]:
        """Take out the seconds that are over, oldest first."""
        over = sorted(t for t in self._open if t < int(now) - self.GRACE)
        return [self._open.pop(t) for t in over]


def _stretch(first: float | None, last: float | None, at: float) -> tuple[float, float]:
    return (at if first is None else min(first, at), at if last is None else max(last, at))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run may be believed, and the sentence that says why not."""

    valid: bool
    complete: bool
    planned: int
    sent: int
    late: int
    dropped: int
    sentence: str

    def as_json(self) -> Mapping[str, object]:
        """Return the verdict as `verdict.json` holds it."""
        return asdict(self)


def _doubt(meter: Meter, planned: int) -> str:
    """Return why the run may not be believed, or nothing."""
    share = (meter.sent - meter.late) / planned if planned else 0.0
    if not planned:
        return "nothing was planned, so nothing was measured"
    if meter.dropped:
        return f"{meter.dropped} requests were not sent because too many were unanswered; lower the rate"
    if share < 1 - RATE_TOLERANCE:
        return (
            f"expected {planned} requests, sent {meter.sent}, {meter.late} of them {MOST_LATE_S:g} s late; "
            f"{share:.1%} where {1 - RATE_TOLERANCE:.0%} is needed; lower the rate or free a core"
        )
    return ""


def judge(meter: Meter, planned: int, *, complete: bool) -> Verdict:
    """Return the verdict on a run that planned *planned* arrivals until it ended, at its time or before."""
    doubt = _doubt(meter, planned)
    ended = "" if complete else " The run ended before its time."
    sentence = f"VOID: {doubt}." if doubt else f"Valid: {meter.sent} of {planned} planned requests sent."
    return Verdict(
        valid=not doubt,
        complete=complete,
        planned=planned,
        sent=meter.sent,
        late=meter.late,
        dropped=meter.dropped,
        sentence=sentence + ended,
    )
