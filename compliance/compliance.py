"""What is there, missing or wrong of each promised series, and in the answer about readiness. Pure."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch

from compliance.scraped import UNTYPED, Exposition, Sample
from monitoring.contract import Series
from roles.application.module_utils.mita_app.readiness import Answer

STATUS = re.compile(r"[1-5](\d\d|xx)")
COUNTED = "_count"
BUILD = "mita_build_info"


class State(StrEnum):
    """How a promised series was found."""

    THERE = "there"
    MISSING = "missing"
    WRONG = "wrong"
    ACCEPTED = "accepted"  # it is missing, and a person said that it may be


@dataclass(frozen=True)
class Finding:
    """One promised series."""

    name: str
    state: State
    words: str = ""

    @property
    def bad(self) -> bool:
        """Whether alerts are blind and nobody said that they may be."""
        return self.state in (State.MISSING, State.WRONG)


def judge(
    promised: Sequence[Series], found: Exposition, version: str, accepted: Sequence[str]
) -> list[Finding]:
    """Return a finding for each promised series."""
    return [_one(each, found, version, accepted) for each in promised]


def _one(each: Series, found: Exposition, version: str, accepted: Sequence[str]) -> Finding:
    if each.name not in found.samples:
        excused = any(fnmatch(each.name, pattern) for pattern in accepted)
        return Finding(each.name, State.ACCEPTED if excused else State.MISSING, _wanted(each))
    complaints = [said for check in CHECKS for said in check(each, found)]
    if each.name == BUILD and version:
        complaints += _version(found.samples[BUILD], version)
    return Finding(each.name, State.WRONG if complaints else State.THERE, "; ".join(complaints))


def _wanted(each: Series) -> str:
    labels = f" by {', '.join(each.labels)}" if each.labels else ""
    return f"expected a {kind(each)}{labels}"


def kind(each: Series) -> str:
    """What Prometheus calls it."""
    if each.buckets:
        return "histogram"
    return "counter" if each.name.endswith("_total") else "gauge"


def _type(each: Series, found: Exposition) -> Iterator[str]:
    said = found.types[each.name]
    if said not in (kind(each), UNTYPED, "unknown"):
        yield f"expected a {kind(each)}, found a {said}"


def _labels(each: Series, found: Exposition) -> Iterator[str]:
    sets = {tuple(sorted(sample.labels)) for sample in found.samples[each.name]}
    for labels in sorted(sets - {tuple(sorted(each.labels))}):
        yield f"expected labels {_listed(each.labels)}, found {_listed(labels)}"


def _values(each: Series, found: Exposition) -> Iterator[str]:
    if any(math.isnan(sample.value) for sample in found.samples[each.name]):
        yield "expected numbers, found NaN"
    if each.kind == "counter" and any(sample.value < 0 for sample in found.samples[each.name]):
        yield "expected counts, found one below 0"


def _statuses(each: Series, found: Exposition) -> Iterator[str]:
    values = {sample.labels.get("status", "200") for sample in found.samples[each.name]}
    for value in sorted(values):
        if not STATUS.fullmatch(value):
            yield f"expected a status such as 500, found {value!r}"


def _buckets(each: Series, found: Exposition) -> Iterator[str]:
    if not each.buckets:
        return
    base = each.name.removesuffix(COUNTED)
    limits = {_limit(sample) for sample in found.samples.get(f"{base}_bucket", ())}
    for limit in each.buckets:
        if limit not in limits:
            yield f"expected a bucket at {limit:g}, found none"
    if not any(max(each.buckets) < limit < math.inf for limit in limits):
        yield f"expected a bucket above {max(each.buckets):g}, found none"


def _limit(sample: Sample) -> float:
    try:
        return float(sample.labels.get("le", "nan"))
    except ValueError:
        return math.nan


def _version(samples: Sequence[Sample], version: str) -> list[str]:
    said = sorted({sample.labels.get("version", "") for sample in samples})
    return [] if said == [version] else [f"expected version {version}, as it is ready, found {_listed(said)}"]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


CHECKS: Sequence[Callable[[Series, Exposition], Iterator[str]]] = (
    _type,
    _labels,
    _values,
    _statuses,
    _buckets,
)


def readiness(answer: Answer) -> list[str]:
    """What is wrong with the answer of /health/ready: a deployment would not believe it."""
    if answer.version is None:
        return [
            f'expected 200 or 503 with {{"version": "2.0.0"}} as JSON at /health/ready, found {answer.words}'
        ]
    return []


def blind_alerts(findings: Sequence[Finding], readers: Mapping[str, Sequence[str]]) -> list[str]:
    """The alerts that read a series which is missing or wrong."""
    return sorted({alert for each in findings if each.state != State.THERE for alert in readers[each.name]})
