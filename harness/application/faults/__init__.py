"""The faults a release can carry: one file each, named as the command line and the manifest name them."""

from .added_latency import AddedLatency
from .base import Fault, FaultError
from .crash_loop import CrashLoop
from .error_ratio import ErrorRatio
from .hang import Hang
from .no_metrics import NoMetrics
from .slow_database import SlowDatabase
from .unhealthy import Unhealthy

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (AddedLatency, CrashLoop, ErrorRatio, Hang, NoMetrics, SlowDatabase, Unhealthy)
}

__all__ = ["FAULTS", "Fault", "FaultError", "from_manifest", "parse", "to_manifest"]


def parse(spec: str) -> Fault:
    """Return the fault that a command line asks for, such as `error-ratio=0.35` or `no-metrics`."""
    name, _, value = spec.partition("=")
    if name not in FAULTS:
        raise FaultError(f"expected one of {', '.join(sorted(FAULTS))}, found {name!r}.")
    try:
        return FAULTS[name].parse(value)
    except ValueError as error:
        raise FaultError(f"expected {FAULTS[name].usage}, found {spec!r} ({error}).") from error


def to_manifest(faults: list[Fault]) -> dict[str, dict[str, float]] | None:
    """Return what a release's manifest says about its faults: null when it has none."""
    return {fault.name: fault.parameters() for fault in faults} or None


def from_manifest(entry: dict[str, dict[str, float]] | None) -> list[Fault]:
    """Return the faults of a manifest, ready to act."""
    try:
        return [FAULTS[name](**parameters) for name, parameters in (entry or {}).items()]
    except (KeyError, TypeError, AttributeError) as error:
        raise FaultError(
            f"expected faults this release knows ({', '.join(FAULTS)}), found {entry!r}."
        ) from error
