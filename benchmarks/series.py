"""One series of the generated site, and how its value goes."""

from collections.abc import Mapping
from dataclasses import dataclass

STEP_S = 15
HOUR_S = 3600
RECENT_S = 2 * HOUR_S + 600  # the longest window over raw application counters, and a little
RECORDED_S = 2 * STEP_S  # where the history of a recorded series ends and the rules themselves go on
SPARSE_S = 300
PER_SERVICE = 25


@dataclass(frozen=True)
class Shape:
    """How a value goes: a counter grows by `rate` a second, with a rhythm; a level is `rate`, or close to it.

    `noise` is the share by which a measured level swings. A state has none: it would say 0.99 of healthy.
    """

    rate: float
    counter: bool
    noise: float = 0.0

    def at(self, step: int) -> float:
        """The value at a scrape, counted from 1970."""
        rhythm = ((step * 7919) % 101 - 50) / 50
        if self.counter:
            return float(int(self.rate * STEP_S * (step % 10_000_000 + 0.4 * rhythm)))
        return self.rate * (1 + self.noise * rhythm)


@dataclass(frozen=True)
class Series:
    """One series and how far back it goes: `first_s` to `last_s` seconds before the end, each `step_s`."""

    labels: Mapping[str, str]
    shape: Shape
    first_s: int = RECENT_S
    last_s: int = 0
    step_s: int = STEP_S


def service_of(number: int) -> str:
    """The service that an instance belongs to."""
    return f"service-{number // PER_SERVICE:02d}"


def target(job: str, service: str, instance: str, host: str) -> dict[str, str]:
    """The labels that the list of targets gives."""
    return {"job": job, "service": service, "env": "production", "instance": instance, "host": host}


def level(name: str, value: float, target: Mapping[str, str], /, **labels: str) -> Series:
    """A gauge of a target."""
    return Series({"__name__": name, **labels, **target}, Shape(value, counter=False))


def count(name: str, rate: float, target: Mapping[str, str], /, **labels: str) -> Series:
    """A counter of a target, growing by `rate` a second."""
    return Series({"__name__": name, **labels, **target}, Shape(rate, counter=True))
