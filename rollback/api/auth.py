"""Basic authentication, compared in constant time."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

from rollback.domain.errors import Unauthorized


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


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """The accounts of this moment; `web` is None when metrics and health are open."""

    webhook: Account
    admin: Account
    web: Account | None = None


def require(request: Request, *accounts: Account) -> None:
    """Pass when the request carries the credentials of one of the accounts, or raise Unauthorized."""
    username, password = _credentials(request.headers.get("authorization", ""))
    entered = [account.matches(username, password) for account in accounts]
    if not any(entered):
        raise Unauthorized


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
