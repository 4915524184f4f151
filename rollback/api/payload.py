"""Alertmanager's webhook body, version 4, read strictly where it matters and one alert at a time."""

import re
from typing import Literal

import msgspec

from rollback.domain.alert import Alert, AlertStatus, beginning
from rollback.domain.errors import Undecodable
from rollback.domain.records import Quarantined, few

BODY_KEPT = 4_000
"""So many bytes of an unreadable alert are kept for people."""
MOST_ALERTS = 20_000
"""A body with more is no delivery of Alertmanager: 1,000 need 1.13 MB."""
DEEPEST = 32
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""A text that nobody closes ends with the body: looked for from each of its quotes, it would take hours."""
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
UNKNOWN = rb"\ufffd"
ALERT_DEPTH = 3
"""An alert opens the third bracket: the body, its list, the alert."""
TOO_DEEP = b'"nested too deeply to be read"'


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
        except RecursionError:
            return ENVELOPE.decode(_shallow(body))
        except msgspec.MsgspecError:  # half a character must not cost the alerts beside it
            if not SURROGATE.search(body):
                raise
            return ENVELOPE.decode(SURROGATE.sub(lambda _: UNKNOWN, body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"Expected Alertmanager's webhook body, version 4, found: {error}.") from error


def _shallow(body: bytes) -> bytes:
    """The body with a text in place of each alert that is nested too deeply for any reader."""
    parts: list[bytes] = []
    depth = deepest = copied = start = 0
    for token in TOKEN.finditer(body):
        if token[0] in (b"[", b"{"):
            depth += 1
            start = token.start() if depth == ALERT_DEPTH else start
            deepest = depth if depth == ALERT_DEPTH else max(deepest, depth)
        elif token[0] in (b"]", b"}"):
            depth -= 1
            if depth == ALERT_DEPTH - 1 and deepest > DEEPEST:
                parts += [body[copied:start], TOO_DEEP]
                copied, deepest = token.end(), 0
    return b"".join([*parts, body[copied:]])


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
