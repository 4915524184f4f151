"""Reading what Prometheus and Alertmanager answer: whatever is not as expected is Blind, never a crash."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rollback.domain.alert import Alert, AlertStatus, plausible
from rollback.domain.errors import Blind
from rollback.domain.records import Quarantined

BODY_KEPT = 4_000
"""So many characters of an unreadable alert are kept for people."""


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


def alerts_from(found: Any) -> tuple[list[Alert], list[Quarantined]]:
    """The alerts of Alertmanager's list, and those that are none: one bad alert hides no other."""
    if not isinstance(found, list):
        raise Blind(f"Expected a list of alerts from Alertmanager, found {type(found).__name__}.")
    alerts: list[Alert] = []
    unread: list[Quarantined] = []
    for item in found:
        try:
            alerts.append(_alert(item))
        except (Blind, ValueError) as error:
            body = json.dumps(item, sort_keys=True)[:BODY_KEPT]
            unread.append(Quarantined(body=body, problem=str(error)))
    return alerts, unread


def _alert(item: Any) -> Alert:
    if not isinstance(item, Mapping) or not item.get("fingerprint"):
        raise ValueError("the alert has no fingerprint")
    return Alert(
        fingerprint=str(item["fingerprint"]),
        starts_at=plausible(moment(item.get("startsAt"))),
        status=AlertStatus.FIRING,
        labels=labels_of(item, "labels"),
        annotations=labels_of(item, "annotations"),
    )
