"""Wrong logins, signatures and bare secrets, one at a time."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from rollback.api.auth import Account, Signature, is_bare
from rollback.api.gates import door_of
from rollback.api.strangers import FREE_ATTEMPTS, MOST_ADDRESSES, MOST_LINES, Strangers, network
from rollback.domain.errors import Unauthorized

NOW = 1_800_000_000.0


class Seconds:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("no address", "unknown"),
    ],
)
def test_who_has_many_addresses_is_known_by_their_network(address: str, known_as: str) -> None:
    assert network(address) == known_as


def test_one_address_has_some_wrong_logins_a_minute_for_nothing(seconds: Seconds) -> None:
    strangers = Strangers(seconds)

    first = [strangers.refused("192.0.2.1", "admin") for _ in range(FREE_ATTEMPTS)]
    more = [strangers.refused("192.0.2.1", "webhook") for _ in range(3)]

    assert not any(first)
    assert all(more)
    assert not strangers.refused("192.0.2.2", "admin")
    seconds.at += 61
    assert not strangers.refused("192.0.2.1", "admin")


def test_wrong_logins_are_logged_with_their_address_and_fill_no_journal(seconds: Seconds) -> None:
    strangers = Strangers(seconds)

    with capture_logs() as lines:
        for _ in range(1_000):
            strangers.refused("192.0.2.1", "admin")
        for number in range(3 * MOST_ADDRESSES):
            strangers.refused(f"10.0.{number // 256}.{number % 256}", "webhook")

    assert len(lines) == MOST_LINES
    assert [(line["address"], line["attempts"]) for line in lines[:2]] == [
        ("192.0.2.1", 1),
        ("192.0.2.1", FREE_ATTEMPTS + 1),
    ]
    assert len(strangers._seen) == MOST_ADDRESSES
    seconds.at += 61
    with capture_logs() as lines:
        strangers.refused("192.0.2.9", "admin")
    assert lines[0]["unlogged"] == 3 * MOST_ADDRESSES - MOST_LINES + 2


def signed(body: bytes, timestamp: str, key: bytes = b"sign-secret") -> dict[str, str]:
    digest = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-mita-timestamp": timestamp, "x-mita-signature": f"sha256={digest}"}


SIGNATURE = Signature(secret="sign-secret", window=timedelta(minutes=5))


@pytest.mark.parametrize("seconds_off", [-299, 0, 299])
def test_a_delivery_that_was_signed_lately_passes(seconds_off: int) -> None:
    SIGNATURE.check(signed(b"body", str(int(NOW) + seconds_off)), b"body", NOW)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"body"),
        (signed(b"body", str(int(NOW))), b"another body"),
        (signed(b"body", str(int(NOW)), b"other-secret"), b"body"),
        (signed(b"body", str(int(NOW))) | {"x-mita-timestamp": str(int(NOW) + 1)}, b"body"),
        (signed(b"body", str(int(NOW) - 301)), b"body"),
        (signed(b"body", str(int(NOW) + 301)), b"body"),
        (signed(b"body", "soon"), b"body"),
        (signed(b"body", "\u0665"), b"body"),
        (signed(b"body", "9" * 5000), b"body"),
    ],
    ids=["none", "body", "secret", "moved", "old", "early", "word", "digit", "long"],
)
def test_every_other_delivery_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unauthorized):
        SIGNATURE.check(headers, body, NOW)


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("Basic your-secret", True),
        ("basic  your-secret ", True),
        ("Basic your-secre", False),
        ("Bearer your-secret", False),
        ("your-secret", False),
        ("Basic " + base64.b64encode(b"alertmanager:your-secret").decode(), False),
        ("Basic \xff\xfe", False),
        ("", False),
    ],
)
def test_a_bare_secret_is_known(header: str, right: bool) -> None:
    assert is_bare(header, Account(username="alertmanager", password="your-secret")) is right


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/api/admin/rollback/trigger", "webhook"),
        ("/api/admin/rollback/trigger/", "admin"),
        ("/api/admin/rollback/status", "admin"),
        ("/api/", "admin"),
        ("//api/admin/rollback/trigger", "open"),
        ("/metrics", "open"),
        ("*", "open"),
    ],
)
def test_an_address_stands_behind_one_door(path: str, door: Any) -> None:
    assert door_of(path) == door
