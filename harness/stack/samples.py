"""What Prometheus stored is true: shares are within 0 and 1, counters fall only where a process started."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.clients import Prometheus
from ruletools.house.loading import load_files
from ruletools.ruleset import counters

Json = dict[str, Any]
SHARES = '{__name__=~".+_ratio:.+"}'
STARTS = 'process_start_time_seconds{job="mita-backend"}'
NEAR_S = 45.0  # three scrapes: a start is scraped at another moment than the counter is recorded
LEAST_NEAR_S = 10.0  # also where scrapes are a second apart


def untrue(prometheus: Prometheus, since: float, scale: float) -> list[str]:
    """A sentence for each recorded share and counter that was wrong since that moment (a unix time).

    *scale* is how many times faster than in production scrapes are made.
    """
    near_s = max(LEAST_NEAR_S, NEAR_S / scale)
    age_s = max(1, int(time.time() - since))
    recorded = "|".join(sorted(counters(load_files())))
    # What started just before may be recorded only now.
    starts = prometheus.query(f"{STARTS}[{age_s + int(2 * near_s)}s]")
    falling = fallen(prometheus.query(f'{{__name__=~"{recorded}"}}[{age_s}s]'), starts, near_s)
    return [*outside(prometheus.query(f"{SHARES}[{age_s}s]")), *falling]


def outside(shares: Iterable[Json]) -> Iterator[str]:
    """The shares that were below 0 or above 1."""
    for series in shares:
        wrong = [(at, float(value)) for at, value in series["values"] if not 0 <= float(value) <= 1]
        if wrong:
            at, value = wrong[0]
            yield f"{series['metric']} was {value:g} at {at:.1f}, and {len(wrong)} times outside 0 to 1"


def fallen(recorded: Iterable[Json], starts: Iterable[Json], near_s: float = LEAST_NEAR_S) -> Iterator[str]:
    """The counters that fell although their process did not start about then."""
    began = {_process(series["metric"]): list(_changes(series["values"])) for series in starts}
    for series in recorded:
        for (_, before), (at, after) in zip(series["values"], series["values"][1:], strict=False):
            fell = float(after) < float(before)
            if fell and not any(
                abs(at - start) <= near_s for start in began.get(_process(series["metric"]), [])
            ):
                yield f"{series['metric']} fell from {before} to {after} at {at:.1f}, and nothing had started"


def _changes(values: list[list[Any]]) -> Iterator[float]:
    """When the start of a process was seen to be another than before."""
    for (_, before), (at, value) in itertools.pairwise(values):
        if value != before:
            yield float(at)


def _process(labels: Mapping[str, str]) -> tuple[str | None, ...]:
    return labels.get("service"), labels.get("env"), labels.get("instance")
