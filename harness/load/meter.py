"""What happened in each second of a run. Pure: the clock is passed in."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

KINDS = ("ok", "failed", "slow", "lost")
MOST_LATE_S = (
    1.0  # an arrival that is later than this is not launched: it would come in a burst that nobody planned
)


@dataclass
class Tally:
    """Answers of one endpoint of one target: bad is an error or a slow answer, lost is no answer at all."""

    ok: int = 0
    failed: int = 0
    slow: int = 0
    lost: int = 0
    latencies: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count what the other counted too."""
        for kind in KINDS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.latencies += other.latencies


@dataclass
class Second:
    """One wall-clock second.

    `again` counts requests that were sent a second time, because a kept connection ended before any answer.
    """

    t: int
    sent: int = 0
    again: int = 0
    first_bad: float | None = None
    last_bad: float | None = None
    first_good: float | None = None
    last_good: float | None = None
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)  # by target and endpoint

    def answer(self, at: float, kind: str) -> None:
        """Remember the first and the last answer of a kind."""
        if kind == "ok":
            self.first_good = at if self.first_good is None else min(self.first_good, at)
            self.last_good = at if self.last_good is None else max(self.last_good, at)
        elif kind != "lost":
            self.first_bad = at if self.first_bad is None else min(self.first_bad, at)
            self.last_bad = at if self.last_bad is None else max(self.last_bad, at)

    def add(self, other: "Second") -> None:
        """Count what another process counted in the same second."""
        self.sent += other.sent
        self.again += other.again
        for kind, first, last in (
            ("ok", other.first_good, other.last_good),
            ("failed", other.first_bad, other.last_bad),
        ):
            for at in (first, last):
                if at is not None:
                    self.answer(at, kind)
        for key, tally in other.tallies.items():
            self.tallies.setdefault(key, Tally()).add(tally)

    def row(self) -> dict[str, object]:
        """Return this second's JSON line; p50, p95 and p99 are seconds, None where nothing was answered."""
        ordered = sorted(value for tally in self.tallies.values() for value in tally.latencies)
        by_target: dict[str, dict[str, int]] = {}
        for (target, _), tally in self.tallies.items():
            counts = by_target.setdefault(target, {})
            for kind in KINDS:
                if count := getattr(tally, kind):
                    counts[kind] = counts.get(kind, 0) + count
        return {
            "t": self.t,
            "sent": self.sent,
            **{kind: sum(counts.get(kind, 0) for counts in by_target.values()) for kind in KINDS},
            "again": self.again,
            "first_bad": self.first_bad,
            "last_bad": self.last_bad,
            "first_good": self.first_good,
            "last_good": self.last_good,
            "by_target": by_target,
            **{f"p{share}": quantile(ordered, share / 100) for share in (50, 95, 99)},
        }

    def message(self) -> list[Any]:
        """Return the second as lists, numbers and strings, to send to another process."""
        tallies = [
            [*key, *(getattr(t, kind) for kind in KINDS), t.latencies] for key, t in self.tallies.items()
        ]
        edges = (self.first_bad, self.last_bad, self.first_good, self.last_good)
        return [self.t, self.sent, self.again, *edges, tallies]

    @classmethod
    def from_message(cls, parts: Sequence[Any]) -> Self:
        """Return the second that a message has."""
        *values, rows = parts
        second = cls(*values)
        second.tallies = {(target, name): Tally(*rest) for target, name, *rest in rows}
        return second


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that *share* of the ordered values do not exceed."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)


class Seconds:
    """Seconds that are still being counted. One is closed once the clock has left it by `grace` seconds."""

    def __init__(self, grace: int = 1) -> None:
        self._grace = grace
        self._open: dict[int, Second] = {}
        self._closed = 0  # no second up to this one is opened again

    def at(self, moment: float) -> Second:
        """Return the second of a moment; what comes late counts in the oldest one that is open."""
        t = max(int(moment), self._closed + 1)
        second = self._open.get(t)
        if second is None:
            second = self._open[t] = Second(t)
        return second

    def closed(self, now: float) -> list[Second]:
        """Take out the seconds that are over, oldest first; at an infinite time all of them."""
        last = max(self._open, default=0) if math.isinf(now) else int(now) - self._grace - 1
        self._closed = max(self._closed, last)
        return [self._open.pop(t) for t in sorted(t for t in self._open if t <= last)]


class Meter:
    """Counts arrivals and responses of one process."""

    def __init__(self, *, slow_over: float | None = None) -> None:
        self._slow_over = slow_over
        self.seconds = Seconds()
        self.sent = self.late = self.dropped = 0
        self.causes: Counter[str] = Counter()  # of losses

    def arrival(self, at: float) -> None:
        """Count one request launched at *at*."""
        self.sent += 1
        self.seconds.at(at).sent += 1

    def miss(self) -> None:
        """Count one request that was not launched because its time was long over."""
        self.late += 1

    def drop(self) -> None:
        """Count one request that was not launched because too many were in flight."""
        self.dropped += 1

    def again(self, at: float) -> None:
        """Count one request that is sent a second time."""
        self.seconds.at(at).again += 1

    def response(
        self, at: float, seconds: float, status: int, target: str, name: str, cause: str = ""
    ) -> None:
        """Count the end of one request; *status* 0 means that no answer came, and *cause* why."""
        second = self.seconds.at(at)
        tally = second.tallies.get((target, name))
        if tally is None:
            tally = second.tallies[target, name] = Tally()
        if not status:
            tally.lost += 1
            self.causes[cause] += 1
            return
        tally.latencies.append(seconds)
        if status >= 400:
            kind = "failed"
            tally.failed += 1
        elif self._slow_over is not None and seconds > self._slow_over:
            kind = "slow"
            tally.slow += 1
        else:
            kind = "ok"
            tally.ok += 1
        second.answer(at, kind)


@dataclass
class Endpoint:
    """One endpoint over a whole run; times are kept to three digits, so that a day of them has room."""

    counts: Counter[str] = field(default_factory=Counter)
    times: Counter[float] = field(default_factory=Counter)

    def add(self, tally: Tally) -> None:
        """Count what was counted in one second."""
        self.counts.update({kind: getattr(tally, kind) for kind in KINDS})
        self.times.update(float(f"{value:.2e}") for value in tally.latencies)


def row_of(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the counts and quantiles of endpoints together; a ratio of nothing is None.

    `error_ratio` counts error answers and requests without an answer among all requests.
    """
    counts: Counter[str] = Counter()
    times: Counter[float] = Counter()
    for endpoint in endpoints:
        counts.update(endpoint.counts)
        times.update(endpoint.times)
    ended = sum(counts.values())
    bad = counts["failed"] + counts["lost"]
    return {
        "requests": ended,
        **{kind: counts[kind] for kind in KINDS},
        "error_ratio": round(bad / ended, 4) if ended else None,
        "bad_ratio": round((bad + counts["slow"]) / ended, 4) if ended else None,
        **{f"p{share}": _quantile_of(times, share / 100) for share in (50, 95, 99)},
    }


def _quantile_of(times: Counter[float], share: float) -> float | None:
    total = times.total()
    place = min(total - 1, int(share * total))
    for value in sorted(times):
        place -= times[value]
        if place < 0:
            return value
    return None
