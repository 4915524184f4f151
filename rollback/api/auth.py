"""Who may enter: accounts with Basic authentication compared in constant time, and signed deliveries."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from rollback.domain.errors import Unauthorized

TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who may enter; the password never shows in logs or errors."""

    username: str
    password: str = field(repr=False)

    def matches(self, username: str, password: str) -> bool:
        """True when both are right; takes as long when they are not."""
        same_name = hmac.compare_digest(_digest(self.username), _digest(username))
        same_password = hmac.compare_digest(_digest(self.password), _digest(password))
        return same_name & same_password


class StatusFor(StrEnum):
    """What `/status` tells who shows no credentials."""

    ALIVE = "alive"
    FULL = "full"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How a delivery is signed: `X-Mita-Signature: sha256=HEX` over the timestamp, a dot and the body.

    The timestamp is `X-Mita-Timestamp`, in Unix seconds. Within the window the same delivery may come again:
    a sender that got no answer must repeat it, and what was stored before is known by its identity.
    """

    secret: str = field(repr=False)
    window: timedelta

    def check(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Pass when the delivery was signed lately with the secret, or raise Unauthorized."""
        timestamp = headers.get("x-mita-timestamp", "")
        signed = hmac.new(self.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
        expected = f"sha256={signed.hexdigest()}"
        given = headers.get("x-mita-signature", "").lower()
        if not hmac.compare_digest(_digest(expected), _digest(given)):
            raise Unauthorized(
                "Expected X-Mita-Signature: sha256=HEX, the HMAC-SHA256 of X-Mita-Timestamp, a dot and "
                f"the body with the shared secret, found {'another' if given else 'none'}."
            )
        late = not TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > self.window.total_seconds()
        if late:
            raise Unauthorized(
                "Expected X-Mita-Timestamp to be about now, in Unix seconds, found another time: "
                "an old delivery that is played again, or clocks that differ."
            )


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Who may enter at this moment; `reader` and `web` are None while there are none."""

    webhook: Account
    admin: Account
    reader: Account | None = None
    web: Account | None = None
    signature: Signature | None = None
    legacy: bool = False
    status: StatusFor = StatusFor.ALIVE


def require(authorization: str, *accounts: Account | None) -> Account:
    """The account whose credentials these are, or Unauthorized."""
    username, password = _credentials(authorization)
    entered = [account for account in accounts if account and account.matches(username, password)]
    if not entered:
        raise Unauthorized
    return entered[0]


def is_bare(authorization: str, account: Account) -> bool:
    """True when the account's secret stands after `Basic` as it is, as old callers send it."""
    scheme, _, secret = authorization.partition(" ")
    same = hmac.compare_digest(_digest(account.password), _digest(secret.strip()))
    return scheme.lower() == "basic" and same


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized("Expected Basic authentication, found none.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:
        raise Unauthorized("Expected base64 of `user:password` after `Basic`.") from error
    username, _, password = text.partition(":")
    return username, password


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
