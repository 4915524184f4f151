"""Records to stored text and back: ISO times that sort as text, JSON for what nobody compares."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def to_text(at: datetime) -> str:
    """The moment as text that sorts like time; refuses a time without zone."""
    if at.tzinfo is None:
        raise ValueError(f"expected a time with a zone, found {at!r}; take it from the Clock")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def maybe_text(at: datetime | None) -> str | None:
    """As `to_text`, passing None on."""
    return None if at is None else to_text(at)


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote."""
    return datetime.fromisoformat(text)


def maybe_from_text(text: str | None) -> datetime | None:
    """As `from_text`, passing None on."""
    return None if text is None else from_text(text)


def to_json(value: object) -> str:
    """The record as JSON text."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[T]) -> T:
    """The record that `to_json` wrote."""
    return msgspec.json.decode(text, type=kind)


def plain(value: object) -> Any:
    """The record as JSON values: objects, lists, text and numbers."""
    return msgspec.json.decode(msgspec.json.encode(value))
