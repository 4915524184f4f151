"""Reading what Prometheus and Alertmanager answer: whatever is not as expected is Blind, never a crash."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from rollback.domain.alert import Alert, AlertStatus, beginning, plausible
from rollback.domain.errors import Blind
from rollback.domain.stored import Quarantined, few
from rollback.readable import readable

BODY_KEPT = 4_000
"""So many characters of an unreadable alert are kept for people."""


ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
ITEM_DEPTH = 2


def mapping(value: Any, name: str) -> dict[str, Any]:
    """The object under *name*."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, dict):
        raise Blind(f"Expected an object `{name}` from the monitoring, found {type(found).__name__}.")
    return found


def objects(value: Any, name: str) -> list[dict[str, Any]]:
    """The list of objects under *name*."""
    found = _list(value, name)
    if not all(isinstance(one, dict) for one in found):
        raise Blind(f"Expected a list of objects `{name}` from the monitoring, found something else in it.")
    return found


def points(value: Any, name: str) -> list[tuple[float, float]]:
    """The times and numbers under *name*."""
    return [point(one) for one in _list(value, name)]


def labels_of(value: Any, name: str) -> dict[str, str]:
    """Names and texts under *name*. An absent one has none, but a sample always says whose it is."""
    absent: Any = None if name == "metric" else {}
    found = value.get(name, absent) if isinstance(value, Mapping) else None
    if not isinstance(found, dict):
        raise Blind(f"Expected `{name}` as an object from the monitoring, found {type(found).__name__}.")
    return {text(key): text(one) for key, one in found.items()}


def text(value: Any) -> str:
    """Text that can be stored: JSON also spells what is no character at all."""
    if not isinstance(value, str):
        raise Blind(f"Expected text from the monitoring, found {type(value).__name__}.")
    return value.encode(errors="replace").decode()


def point(value: Any) -> tuple[float, float]:
    """A sample's time and number."""
    if not isinstance(value, list) or len(value) != 2:
        raise Blind("Expected a sample of time and value from the monitoring, found something else.")
    return number(value[0]), number(value[1])


def number(value: Any) -> float:
    """A number as Prometheus writes it: NaN and infinities are numbers to it."""
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise Blind(f"Expected a number from the monitoring, found {str(value)[:50]!r}.")


def moment(value: Any) -> datetime:
    """A time in ISO 8601 or in seconds since 1970, of years in which something can have happened."""
    try:
        if isinstance(value, str):
            return beginning(value).astimezone(UTC)
        return plausible(datetime.fromtimestamp(float(value), tz=UTC))
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
            unread.append(Quarantined(body=_body(item), problem=str(error)))
    return alerts, list(few(unread))


def items_of(body: bytes) -> Any:
    """What a list in JSON holds; an item that cannot be read stays as it is. ValueError without JSON."""
    try:
        try:
            raw = ITEMS.decode(body)
        except RecursionError:
            raw = ITEMS.decode(readable(body, ITEM_DEPTH))
    except msgspec.ValidationError:
        return json.loads(body)  # no list: who asked says so
    return [_read(bytes(item)) for item in raw]


def _read(item: bytes) -> Any:
    try:
        return json.loads(item)
    except (ValueError, RecursionError):
        return item.decode(errors="replace")


def _silenced(status: Any) -> bool:
    """An odd status says nothing of silences, and loses no alert."""
    return isinstance(status, Mapping) and bool(status.get("silencedBy"))


def _alert(item: Any) -> Alert:
    if not isinstance(item, Mapping) or not item.get("fingerprint"):
        raise ValueError("the alert has no fingerprint")
    return Alert(
        fingerprint=text(item["fingerprint"]),
        starts_at=beginning(text(item.get("startsAt"))),
        status=AlertStatus.FIRING,
        labels=labels_of(item, "labels"),
        annotations=labels_of(item, "annotations"),
        silenced=_silenced(item.get("status")),
    )


def _body(item: Any) -> str:
    try:
        return json.dumps(item, sort_keys=True)[:BODY_KEPT]
    except RecursionError:
        return "nested too deeply to be shown"


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        raise Blind(f"Expected a list `{name}` from the monitoring, found {type(found).__name__}.")
    return found
