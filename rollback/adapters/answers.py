"""Reading what Prometheus and Alertmanager answer: whatever is not as expected is Blind, never a crash."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rollback.domain.alert import Alert, AlertStatus
from rollback.domain.errors import Blind


def mapping(value: Any, name: str) -> dict[str, Any]:
    """The object under *name*."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, dict):
        raise Blind(f"Expected an object `{name}` from the monitoring, found {type(found).__name__}.")
    return found


def listed(value: Any, name: str) -> list[Any]:
    """The list of objects or pairs under *name*."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, dict | list) for one in found):
        raise Blind(f"Expected a list `{name}` from the monitoring, found {type(found).__name__}.")
    return found


def labels_of(value: Any, name: str) -> dict[str, str]:
    """Names and texts under *name*; an absent one has none."""
    found = value.get(name, {}) if isinstance(value, Mapping) else None
    if not isinstance(found, dict):
        raise Blind(f"Expected `{name}` as an object from the monitoring, found {type(found).__name__}.")
    return {str(key): str(text) for key, text in found.items()}


def point(value: Any) -> tuple[float, float]:
    """A sample's time and number."""
    if not isinstance(value, list) or len(value) != 2:
        raise Blind("Expected a sample of time and value from the monitoring, found something else.")
    return number(value[0]), number(value[1])


def number(value: Any) -> float:
    """A number as Prometheus writes it: NaN and infinities are numbers to it."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise Blind(f"Expected a number from the monitoring, found {str(value)[:50]!r}.") from error


def moment(value: Any) -> datetime:
    """A time in ISO 8601 or in seconds since 1970."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        return datetime.fromtimestamp(float(value), tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Blind(f"Expected a time from the monitoring, found {str(value)[:50]!r}.") from error


def alert_from(item: Any) -> Alert:
    """One alert of Alertmanager's list."""
    if not isinstance(item, Mapping) or not item.get("fingerprint"):
        raise Blind("Alertmanager told of an alert without a fingerprint.")
    return Alert(
        fingerprint=str(item["fingerprint"]),
        starts_at=moment(item.get("startsAt")),
        status=AlertStatus.FIRING,
        labels=labels_of(item, "labels"),
        annotations=labels_of(item, "annotations"),
    )
