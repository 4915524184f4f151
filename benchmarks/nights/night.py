"""What happens in a night, drawn from a seed: the truth that the rules and the daemon are judged by. Pure.

A night is 115 minutes of one service. The first hour fills the windows of the rules; nothing but requests,
restarts and lost scrapes happens in it. The windows of six hours and more see only what there is.
"""

import math
from dataclasses import dataclass
from random import Random

STEP, MINUTE = 15, 60
LENGTH, WARM = 115 * MINUTE, 60 * MINUTE
RATES = (1 / 60, 0.1, 0.5, 2.0, 10.0, 50.0)
REGISTRATIONS = 0.05
"""The share of requests that try to register."""
SHAPES = ("steady", "diurnal", "bursty", "falling")
BACKGROUND = (0.0, 0.0005, 0.001, 0.003)
SHARES = (0.01, 0.05, 0.1, 0.25, 0.35, 0.5, 0.75, 1.0)
LATENCIES = ((0.02, 0.8), (0.05, 0.8), (0.1, 0.5))
"""Median in seconds and spread: at most one request in 200 takes longer than 0.4 s."""
KINDS = {
    "quiet": 10,
    "deployed": 25,
    "errors": 35,
    "slow": 8,
    "registrations": 4,
    "transactions": 4,
    "database": 4,
    "cache": 3,
    "edge": 3,
    "backup": 4,
}
"""How often a night is of which kind, in a hundred."""
GUILTY = ("errors", "slow", "registrations", "transactions")
OUTAGES = ("database", "cache", "edge")


@dataclass(frozen=True)
class Trouble:
    """What goes wrong from one moment to another, for a share of the requests of the first so many hosts."""

    kind: str
    starts: int
    ends: int
    share: float
    hosts: int

    def at(self, moment: int) -> bool:
        return self.starts <= moment < self.ends


@dataclass(frozen=True)
class Night:
    """One night of one service; moments are seconds since it began."""

    seed: int
    number: int
    kind: str
    rate: float
    shape: str
    instances: int
    background: float
    latency: tuple[float, float]
    lost: float
    """The share of scrapes that fail."""
    gaps: tuple[tuple[int, int], ...]
    """While Prometheus itself restarts."""
    restarts: tuple[tuple[int, int], ...]
    """Instance and moment of restarts that no deployment caused."""
    deployed: int | None
    trouble: Trouble | None

    @property
    def name(self) -> str:
        """The service and the environment, so that nights that are evaluated together do not meet."""
        return f"night-{self.number}"

    @property
    def guilty(self) -> bool:
        return self.kind in GUILTY

    @property
    def healthy(self) -> bool:
        """Nothing is wrong that a person could do something about."""
        return self.trouble is None or self.kind == "backup"

    @property
    def share(self) -> float:
        """The share of all users' requests that the trouble spoils."""
        return self.trouble.share * self.trouble.hosts / self.instances if self.trouble else 0.0

    @property
    def traffic(self) -> str:
        """The class of traffic by which the report counts."""
        return next(name for name, least in CLASSES.items() if self.rate >= least)

    @property
    def sparse(self) -> bool:
        """Ten minutes without a registration are chance: the seed's UserRegistrationDown has to fire."""
        least = min(self.requests_per_second(at) for at in range(0, LENGTH, STEP))
        return least * REGISTRATIONS * 600 < 12

    @property
    def fails_deals(self) -> bool:
        """Whether requests that fail are transactions too: only every other service fails at its heart."""
        return self.kind != "errors" or self.number % 2 == 0

    def switched(self, instance: int) -> int | None:
        """When the deployment restarts an instance: one after the other."""
        return None if self.deployed is None else self.deployed + 45 * instance

    def finished(self) -> int | None:
        """When the deployment ends."""
        return None if self.deployed is None else self.deployed + 45 * self.instances

    def requests_per_second(self, moment: int) -> float:
        """The traffic that users mean to send."""
        if self.shape == "diurnal":
            return self.rate * (1 + 0.4 * math.sin(2 * math.pi * moment / (4 * 3600) + self.number))
        if self.shape == "bursty":
            return self.rate * (4.0 if (moment // 120 + self.number) % 8 == 0 else 0.8)
        if self.shape == "falling":
            return self.rate * max(0.15, 1 - 0.85 * max(0, moment - 45 * MINUTE) / 3600)
        return self.rate

    def expected(self) -> tuple[float, float]:
        """The least requests and failures that five minutes bring while the fault lasts."""
        if self.trouble is None:
            return 0.0, 0.0
        windows = range(self.trouble.starts, LENGTH - 5 * MINUTE, STEP)
        least = min(self._in_five_minutes(start) for start in windows)
        return least, least * self.share

    def measurable(self) -> bool:
        """Whether twice the floor of evidence, 20 requests and 5 failures in five minutes, is expected."""
        requests, failures = self.expected()
        return requests >= 40 and failures >= 10

    def _in_five_minutes(self, start: int) -> float:
        return sum(self.requests_per_second(start + at) * STEP for at in range(0, 5 * MINUTE, STEP))


CLASSES = {"10 a second and more": 10.0, "0.5 to 2 a second": 0.5, "0.1 a second and less": 0.0}


def draw(seed: int, number: int) -> Night:
    """The night of that number: the same for the same seed."""
    random = Random(f"night {seed} {number}")  # noqa: S311  (no secret)
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    instances = random.randint(1, 4)
    deployed = None if kind == "quiet" else random.randrange(WARM + 5 * MINUTE, WARM + 10 * MINUTE, STEP)
    return Night(
        seed=seed,
        number=number,
        kind=kind,
        rate=random.choice(RATES),
        shape=random.choice(SHAPES),
        instances=instances,
        background=random.choice(BACKGROUND),
        latency=random.choice(LATENCIES),
        lost=random.choice((0.0, 0.002, 0.01)),
        gaps=_gaps(random),
        restarts=_restarts(random, instances),
        deployed=deployed,
        trouble=_trouble(random, kind, deployed or 0, instances),
    )


def _trouble(random: Random, kind: str, deployed: int, instances: int) -> Trouble | None:
    """A bad release stays bad; what is no release's fault ends by itself or not within the night."""
    early = random.random() < 0.6
    hosts = instances if random.random() < 0.7 else random.randint(1, instances)
    share, late = random.choice(SHARES), random.randrange(0, 20 * MINUTE, STEP)
    if kind in GUILTY:
        after = deployed + 45 * (instances - 1) + STEP
        whole = {"registrations": 1.0, "slow": max(share, 0.1)}.get(kind, share)
        return Trouble(kind, after if early else after + late, LENGTH, whole, hosts)
    if kind in OUTAGES:
        starts = deployed - 10 * MINUTE + random.randrange(0, 30 * MINUTE, STEP)
        lasts = random.choice((3, 10, 30)) * MINUTE
        return Trouble(kind, starts, starts + lasts, random.choice((0.3, 0.6, 1.0)), instances)
    if kind == "backup":
        return Trouble(kind, deployed - 5 * MINUTE, deployed + 25 * MINUTE, 1.0, instances)
    return None


def _gaps(random: Random) -> tuple[tuple[int, int], ...]:
    if random.random() > 0.2:
        return ()
    starts = random.randrange(10 * MINUTE, LENGTH, STEP)
    return ((starts, starts + random.choice((30, 60, 120))),)


def _restarts(random: Random, instances: int) -> tuple[tuple[int, int], ...]:
    if random.random() > 0.2:
        return ()
    return ((random.randrange(instances), random.randrange(5 * MINUTE, LENGTH, STEP)),)
