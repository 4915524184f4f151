"""Signed tokens (JWT, HS256) with the standard library."""

import base64
import hashlib
import hmac
import json

HEADER: dict[str, object] = {"alg": "HS256", "typ": "JWT"}


class InvalidTokenError(Exception):
    """The token was not signed with this key, or its time is over."""


def sign(claims: dict[str, object], key: bytes) -> str:
    """Return a token that carries the claims."""
    signed = f"{encode(HEADER)}.{encode(claims)}"
    return f"{signed}.{signature(signed, key)}"


def verify(token: str, key: bytes, *, now: float) -> dict[str, object]:
    """Return the claims of a token; `exp` is required, in seconds since the epoch."""
    signed, _, given = token.rpartition(".")
    if not hmac.compare_digest(signature(signed, key).encode(), given.encode()):
        raise InvalidTokenError("the signature does not belong to this key")
    claims: dict[str, object] = json.loads(decode(signed.partition(".")[2]))
    if float(str(claims["exp"])) <= now:
        raise InvalidTokenError("its time is over")
    return claims


def signature(signed: str, key: bytes) -> str:
    """Return the third part of a token."""
    return base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()


def encode(value: dict[str, object]) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode(part: str) -> bytes:
    """Return the JSON of a part."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
