"""Alertmanager's webhook body, version 4, read strictly where it matters and one alert at a time."""

from typing import Literal

import msgspec

from rollback.domain.alert import Alert, AlertStatus, beginning
from rollback.domain.errors import Undecodable
from rollback.domain.stored import Quarantined, few
from rollback.readable import readable

BODY_KEPT = 4_000
"""So many bytes of an unreadable alert are kept for people."""
MOST_ALERTS = 20_000
"""A body with more is no delivery of Alertmanager: 1,000 need 1.13 MB."""
ALERT_DEPTH = 3
"""An alert opens the third bracket: the body, its list, the alert."""


class Envelope(msgspec.Struct):
    """What surrounds the alerts; each stays raw until it is read on its own."""

    version: Literal["4"]
    alerts: list[msgspec.Raw]
    receiver: str = ""


class WireAlert(msgspec.Struct, rename="camel"):
    """One alert of the body."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: str
    fingerprint: str
    annotations: dict[str, str] = {}


ENVELOPE = msgspec.json.Decoder(Envelope)
ALERT = msgspec.json.Decoder(WireAlert)


def read(body: bytes) -> tuple[str, tuple[Alert, ...], tuple[Quarantined, ...]]:
    """The receiver's name, the readable alerts and the others; Undecodable when the body itself is wrong."""
    envelope = _envelope(body)
    if len(envelope.alerts) > MOST_ALERTS:
        found = len(envelope.alerts)
        raise Undecodable(f"Expected at most {MOST_ALERTS} alerts in one body, version 4, found {found}.")
    alerts: list[Alert] = []
    unread: list[Quarantined] = []
    for raw in envelope.alerts:
        try:
            alerts.append(_alert(ALERT.decode(raw)))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            kept = bytes(raw)[:BODY_KEPT].decode(errors="replace")
            unread.append(Quarantined(body=kept, problem=str(error)))
    return envelope.receiver, tuple(alerts), few(unread)


def _envelope(body: bytes) -> Envelope:
    try:
        try:
            return ENVELOPE.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return ENVELOPE.decode(readable(body, ALERT_DEPTH))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"Expected Alertmanager's webhook body, version 4, found: {error}.") from error


def _alert(wire: WireAlert) -> Alert:
    if not wire.fingerprint:
        raise ValueError("the alert has no fingerprint")
    return Alert(
        fingerprint=wire.fingerprint,
        starts_at=beginning(wire.starts_at),
        status=AlertStatus(wire.status),
        labels=wire.labels,
        annotations=wire.annotations,
    )
