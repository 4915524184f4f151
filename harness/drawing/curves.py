"""How a value goes over the hours that are drawn. A moment counts the seconds to the end: it is negative."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

END = 1795782540.0
"""The second at which the drawn hours end: 12:29 on 2026-11-27 in UTC, so that every run draws the same."""
STEP = 15
LENGTH = 6 * 3600 + 1800
MINUTE = 60
MOMENTS = range(-LENGTH, 1, STEP)

Curve = Callable[[float], float]
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """One series: its samples by moment, None where there is none."""

    name: str
    labels: Labels
    samples: Sequence[float | None]
    moments: Sequence[int] = MOMENTS


def gauge(name: str, labels: Labels, curve: Curve | float, alive: Curve | None = None) -> Series:
    """A level, where the target is alive."""
    return Series(name, labels, [_living(alive, at, _at(curve, at)) for at in MOMENTS])


def counter(name: str, labels: Labels, rate: Curve | float, alive: Curve | None = None) -> Series:
    """A counter that grows by so much a second."""
    grown = accumulate(_at(rate, at) * STEP for at in MOMENTS)
    return Series(name, labels, [_living(alive, at, value) for at, value in zip(MOMENTS, grown, strict=True)])


def events(name: str, labels: Labels, *minutes: float) -> Series:
    """A counter that grows by one at some minutes."""
    return gauge(name, labels, lambda at: float(sum(at >= minute * MINUTE for minute in minutes)))


def between(start: float, end: float = 1, yes: float = 1, no: float = 0) -> Curve:
    """One value from one minute to another, and another one else."""
    return lambda at: yes if start * MINUTE <= at < end * MINUTE else no


def product(*parts: Curve | float) -> Curve:
    """All of them multiplied."""
    return lambda at: math.prod(_at(part, at) for part in parts)


def total(*parts: Curve | float) -> Curve:
    """All of them together."""
    return lambda at: sum(_at(part, at) for part in parts)


def either(*parts: Curve) -> Curve:
    """One where any of them is not nought."""
    return lambda at: float(any(part(at) for part in parts))


def choice(condition: Curve, yes: Curve | float, no: Curve | float) -> Curve:
    """One where the condition is not nought, the other elsewhere."""
    return lambda at: _at(yes if condition(at) else no, at)


def whole(curve: Curve) -> Curve:
    """What can be counted."""
    return lambda at: float(round(curve(at)))


def since_epoch(moment: Curve) -> Curve:
    """The moment as a point in time."""
    return lambda at: END + moment(at)


def latest(every: float) -> Curve:
    """The last moment of something that happens every so many seconds."""
    return lambda at: at - (at + LENGTH) % every


def wave(middle: float, share: float = 0.1, minutes: float = 60, phase: float = 0) -> Curve:
    """A level that swings, with a little noise that is the same every time."""

    def curve(at: float) -> float:
        noise = math.sin(at * 12.9898 + phase * 78.233) * 43758.5453 % 1 - 0.5
        return middle * (
            1 + share * math.sin(at / (minutes * MINUTE) * math.tau + phase) + share * 0.4 * noise
        )

    return curve


def _at(curve: Curve | float, at: float) -> float:
    return curve(at) if callable(curve) else curve


def _living(alive: Curve | None, at: float, value: float) -> float | None:
    return None if alive and not alive(at) else value


def exposition(series: list[Series]) -> Iterator[str]:
    """The samples as promtool reads them. Series of one name stand together."""
    for one in sorted(series, key=lambda each: each.name):
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))
        for at, value in zip(one.moments, one.samples, strict=True):
            if value is not None:
                yield f"{one.name}{{{labels}}} {value!r} {END + at:.0f}\n"
    yield "# EOF\n"
