"""What the targets of a night expose, in promtool's notation. Pure: the same night yields the same series."""

import math
from collections import Counter
from collections.abc import Callable
from random import Random

from benchmarks.nights.night import LENGTH, REGISTRATIONS, STEP, Night

BUCKETS = ("0.1", "0.25", "0.4", "1.0", "2.5", "5", "10", "+Inf")
SLOW = (3.0, 0.3)
TRANSACTIONS, REVENUE = 0.3, 0.1
"""The shares of requests that are transactions, or bring money."""
TOLERATED = 0.3
"""Transactions that fail in five minutes of a healthy night: the seed calls more than five a disaster."""
MOMENTS = range(0, LENGTH + 1, STEP)
Series = dict[str, str]


def series(night: Night) -> tuple[Series, int | None]:
    """All series of a night, and the moment of the first bad response of a bad release."""
    random = Random(f"series {night.seed} {night.number}")  # noqa: S311  (no secret)
    found: Series = {}
    first: list[int] = []
    for instance in range(night.instances):
        found |= _instance(night, instance, random, first)
    return found | _dependencies(night, random) | _switching(night), min(first, default=None)


def poisson(random: Random, mean: float) -> int:
    """How many things happen when so many are expected."""
    if mean > 50:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def binomial(random: Random, number: int, share: float) -> int:
    """How many of a number are of a kind that has a share of them."""
    if number <= 0 or share <= 0:
        return 0
    if share >= 1:
        return number
    if number <= 30:
        return sum(random.random() < share for _ in range(number))
    if share * number < 30:
        return min(number, poisson(random, number * share))
    if (1 - share) * number < 30:
        return number - min(number, poisson(random, number * (1 - share)))
    return min(number, max(0, round(random.gauss(number * share, math.sqrt(number * share * (1 - share))))))


def _instance(night: Night, instance: int, random: Random, first: list[int]) -> Series:
    where, host = f'service="{night.name}",env="{night.name}"', f"app{instance + 1}"
    labels = f'job="mita-backend",{where},instance="{host}",host="{host}"'
    starts = sorted(
        {at for at in (night.switched(instance),) if at is not None}
        | {at for number, at in night.restarts if number == instance}
    )
    counts: Counter[str] = Counter()
    target, born = _Target(night, random), -3600
    switched = night.switched(instance)
    for moment in MOMENTS:
        if starts and moment >= starts[0]:
            born = starts.pop(0)
            counts.clear()
            target.add(moment, False, {})
            continue
        _serve(night, instance, moment, random, counts, first)
        values: dict[str, float] = {f"process_start_time_seconds{{{labels}}}": born}
        version = "2" if switched is not None and moment >= switched else "1"
        values[f'mita_build_info{{{labels},version="{version}"}}'] = 1
        for code in ("200", "500"):
            values[f'http_requests_total{{{labels},path="/api/a",status="{code}"}}'] = counts[code]
        total = 0
        for bucket in BUCKETS:
            total += counts[bucket]
            values[f'http_request_duration_seconds_bucket{{{labels},path="/api/a",le="{bucket}"}}'] = total
        for metric in BUSINESS:
            values[f"{metric}{{{labels}}}"] = counts[metric]
        values[f"daily_active_users{{{labels}}}"] = 1000
        target.add(moment, True, values)
    return target.series(f"up{{{labels}}}")


BUSINESS = (
    "user_registration_attempts_total",
    "user_registration_success_total",
    "transaction_processing_total",
    "transaction_processing_errors_total",
    "revenue_processing_total",
    "revenue_processing_errors_total",
)


def _serve(
    night: Night, instance: int, moment: int, random: Random, counts: Counter[str], first: list[int]
) -> None:
    """What one instance counts in the seconds since the last scrape."""
    trouble = night.trouble if night.trouble and night.trouble.at(moment) else None
    hit = trouble.kind if trouble and instance < trouble.hosts else ""
    share = trouble.share if trouble else 0.0
    mean = night.requests_per_second(moment) * STEP / night.instances
    requests = poisson(random, 0.0 if hit == "edge" else mean)
    failing = share if hit in ("errors", "database", "cache") else 0.0
    bad = binomial(random, requests, failing)
    errors = bad + binomial(random, requests - bad, night.background)
    counts["200"] += requests - errors
    counts["500"] += errors
    late = binomial(random, requests, share) if hit == "slow" else 0
    _durations(night, requests - late, late, random, counts, busy=hit == "backup")
    inner = failing if night.fails_deals else 0.0
    people = binomial(random, requests, REGISTRATIONS)
    counts["user_registration_attempts_total"] += people
    turned_away = people if hit == "registrations" else binomial(random, people, inner)
    counts["user_registration_success_total"] += people - turned_away
    deals = binomial(random, requests, TRANSACTIONS)
    usual = min(night.background, TOLERATED / max(1e-9, night.rate * 4 * TRANSACTIONS * 300))
    lost = binomial(random, deals, max(share if hit == "transactions" else inner, usual))
    counts["transaction_processing_total"] += deals
    counts["transaction_processing_errors_total"] += lost
    counts["revenue_processing_total"] += binomial(random, requests, REVENUE)
    spoiled = {"errors": bad, "slow": late, "registrations": turned_away, "transactions": lost}
    if spoiled.get(hit):
        first.append(moment)


def _durations(
    night: Night, usual: int, late: int, random: Random, counts: Counter[str], *, busy: bool
) -> None:
    median, spread = night.latency
    for number, shape in ((usual, (median * (1.3 if busy else 1), spread)), (late, SLOW)):
        left, below = number, 0.0
        for bucket in BUCKETS:
            if not left:
                break
            reached = _below(float(bucket), *shape)
            here = binomial(random, left, (reached - below) / (1 - below) if below < 1 else 1.0)
            counts[bucket] += here
            left, below = left - here, reached


def _below(limit: float, median: float, spread: float) -> float:
    """The share of a lognormal distribution below a limit."""
    if math.isinf(limit):
        return 1.0
    return 0.5 * (1 + math.erf(math.log(limit / median) / (spread * math.sqrt(2))))


def _dependencies(night: Night, random: Random) -> Series:
    return (
        _exporter(night, random, "postgres", lambda down: {"pg_up": 0.0 if down else 1.0}, "database")
        | _exporter(night, random, "redis", _redis, "cache")
        | _exporter(night, random, "node", lambda down: {"node_boot_time_seconds": -100_000.0}, "")
    )


def _redis(down: bool) -> dict[str, float]:
    return {"redis_up": 0.0} if down else {"redis_up": 1.0, "redis_connected_clients": 9.0}


def _exporter(
    night: Night, random: Random, job: str, exposed: Callable[[bool], dict[str, float]], kind: str
) -> Series:
    labels = f'job="{job}",service="{night.name}",env="{night.name}",instance="data",host="data"'
    target, trouble = _Target(night, random), night.trouble
    for moment in MOMENTS:
        down = bool(trouble and trouble.kind == kind and trouble.at(moment))
        target.add(moment, True, {f"{name}{{{labels}}}": value for name, value in exposed(down).items()})
    return target.series(f"up{{{labels}}}")


def _switching(night: Night) -> Series:
    found = {}
    for instance in range(night.instances):
        at = night.switched(instance)
        values = [
            "1" if at is not None and at - STEP <= moment <= at + 2 * STEP else "0" for moment in MOMENTS
        ]
        labels = f'job="mita-rollback",env="{night.name}",instance="data",target_host="app{instance + 1}"'
        found[f"mita_rollback_switching{{{labels}}}"] = " ".join(values)
    return found


class _Target:
    """The samples of one target: a scrape that fails ends its series, a Prometheus that is away does not."""

    def __init__(self, night: Night, random: Random) -> None:
        self._night, self._random = night, random
        self._up: list[str] = []
        self._samples: dict[str, list[str]] = {}
        self._alive: set[str] = set()

    def add(self, moment: int, answers: bool, values: dict[str, float]) -> None:
        """One scrape."""
        away = any(start <= moment < end for start, end in self._night.gaps)
        lost = self._random.random() < self._night.lost
        if away:
            self._write("_", {})
        elif lost or not answers:
            self._write("0", {})
            self._end(self._alive)
        else:
            self._write("1", values)
            self._end(self._alive - values.keys())
            self._alive = set(values)

    def series(self, up: str) -> Series:
        """All samples of the target."""
        return {up: " ".join(self._up)} | {name: " ".join(each) for name, each in self._samples.items()}

    def _write(self, up: str, values: dict[str, float]) -> None:
        for name in [each for each in values if each not in self._samples]:
            self._samples[name] = ["_"] * len(self._up)
        self._up.append(up)
        for name, samples in self._samples.items():
            samples.append(repr(values[name]) if name in values else "_")

    def _end(self, names: set[str]) -> None:
        for name in names:
            self._samples[name][-1] = "stale"
        self._alive = self._alive - names
