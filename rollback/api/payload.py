"""Alertmanager's webhook body, version 4, read strictly where it matters and one alert at a time."""

from datetime import datetime
from typing import Literal

import msgspec

from rollback.domain.alert import Alert, AlertStatus
from rollback.domain.errors import Undecodable
from rollback.domain.records import Quarantined

BODY_KEPT = 4_000
"""So many bytes of an unreadable alert are kept for people."""


class Envelope(msgspec.Struct):
    """What surrounds the alerts; each stays raw until it is read on its own."""

    version: Literal["4"]
    alerts: list[msgspec.Raw]
    receiver: str = ""


class WireAlert(msgspec.Struct, rename="camel"):
    """One alert of the body."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: str
    annotations: dict[str, str] = {}


ENVELOPE = msgspec.json.Decoder(Envelope)
ALERT = msgspec.json.Decoder(WireAlert)


def read(body: bytes) -> tuple[str, tuple[Alert, ...], tuple[Quarantined, ...]]:
    """The receiver's name, the readable alerts and the others; Undecodable when the body itself is wrong."""
    try:
        envelope = ENVELOPE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Undecodable(f"Expected Alertmanager's webhook body, version 4, found: {error}.") from error
    alerts: list[Alert] = []
    quarantined: list[Quarantined] = []
    for raw in envelope.alerts:
        try:
            alerts.append(_alert(ALERT.decode(raw)))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            kept = bytes(raw)[:BODY_KEPT].decode(errors="replace")
            quarantined.append(Quarantined(body=kept, problem=str(error)))
    return envelope.receiver, tuple(alerts), tuple(quarantined)


def _alert(wire: WireAlert) -> Alert:
    if not wire.fingerprint:
        raise ValueError("the alert has no fingerprint")
    if wire.starts_at.tzinfo is None:
        raise ValueError("startsAt has no time zone")
    return Alert(
        fingerprint=wire.fingerprint,
        starts_at=wire.starts_at,
        status=AlertStatus(wire.status),
        labels=wire.labels,
        annotations=wire.annotations,
    )
