"""The faults a release can carry: one file each, named as the command line and the manifest name them."""

from importlib import import_module
from pkgutil import iter_modules

from .base import Fault, FaultError

for _module in iter_modules(__path__):
    import_module(f".{_module.name}", __name__)

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault for fault in sorted(Fault.__subclasses__(), key=lambda fault: fault.name)
}
"""Found, not listed: a file beside this one is enough."""

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
