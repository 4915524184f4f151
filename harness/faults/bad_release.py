"""The faults that a bad release carries, and the alert that must notice each of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from application.faults import Fault
from application.faults.added_latency import AddedLatency
from application.faults.error_ratio import ErrorRatio
from devtools.errors import UserError
from devtools.paths import REPO
from monitoring.catalog import Alert, load
from monitoring.thresholds import comparison, threshold

RULES = REPO / "monitoring" / "rules"


@cache
def trigger_with(symptom: str) -> Alert:
    """Return the one alert with this symptom that may roll back; raises UserError if there is not one."""
    found = [
        alert
        for alert in load(RULES)
        if alert.labels.get("symptom") == symptom and alert.labels.get("rollback") == "auto"
    ]
    if len(found) != 1:
        raise UserError(f"expected one rollback alert with symptom {symptom}, found {len(found)}")
    return found[0]


class ReleaseFault(ABC):
    """One way in which a release is bad; the symptom finds its alert in the rules."""

    symptom: ClassVar[str]
    behaviour: Fault

    @property
    def spec(self) -> str:
        """The fault as `harness release build --fault` knows it."""
        return self.behaviour.spec

    @property
    @abstractmethod
    def share(self) -> float:
        """The share of the answers that its alert counts as bad."""

    @property
    def slow_over(self) -> float | None:
        """The seconds beyond which a client counts an answer as bad; None where every answer is in time."""
        return None

    @property
    def alert(self) -> Alert:
        """The rule with this symptom that may roll back."""
        return trigger_with(self.symptom)

    @property
    def threshold(self) -> float:
        """The value that must not be exceeded."""
        return threshold(self.alert.tree) or 0.0

    @property
    def measured(self) -> str:
        """The expression whose value the threshold limits."""
        condition = comparison(self.alert.tree)
        return str(condition.lhs) if condition else self.alert.expr


@dataclass(frozen=True)
class Errors(ReleaseFault):
    """The release fails a share of its requests."""

    behaviour: ErrorRatio
    symptom: ClassVar[str] = "http_errors"

    @property
    def share(self) -> float:
        """The share of the answers that its alert counts as bad."""
        return self.behaviour.ratio


@dataclass(frozen=True)
class Latency(ReleaseFault):
    """The release answers slowly."""

    behaviour: AddedLatency
    symptom: ClassVar[str] = "http_latency"

    @property
    def share(self) -> float:
        """The share of the answers that its alert counts as bad."""
        return self.behaviour.share_over(self.threshold)

    @property
    def slow_over(self) -> float | None:
        """The seconds beyond which a client counts an answer as bad: the alert's own limit."""
        return self.threshold


def error_ratio(share: float) -> Errors:
    """Return the fault of a release that fails this share of its requests."""
    return Errors(ErrorRatio(share))


def added_latency(mean: float) -> Latency:
    """Return the fault of a release whose answers wait this many seconds on average."""
    return Latency(AddedLatency.parse(f"{mean:g}"))


FAULTS: Mapping[str, ReleaseFault] = {"error": error_ratio(0.35), "latency": added_latency(1.5)}
"""The faults by the names that `harness demo --fault` has for them."""
