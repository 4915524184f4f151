"""The kinds of value that a setting can have, each with the bounds outside of which nothing works."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from rollback import durations
from rollback.domain.policy import MODES, Mode

SHORTEST_KEPT = timedelta(days=7)
SHORTEST = timedelta(milliseconds=10)
"""A loop that rests for less only turns."""
Duration = Annotated[
    timedelta, BeforeValidator(durations.parse), PlainSerializer(durations.render, return_type=str)
]
Interval = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST, timedelta(days=1)))]
"""How often, or for how long at most, something that goes on all the time is done."""
Span = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST, durations.LONGEST))]
"""A time that nothing can work without."""
Kept = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST_KEPT, durations.LONGEST))]
"""How long something is kept that decisions of the last days rest on."""
Window = Annotated[
    Duration, AfterValidator(lambda found: within(found, timedelta(seconds=1), timedelta(hours=1)))
]
"""Clocks that differ by more are to be mended, and what is older could be played again."""
Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""What the system takes as an argument or in the environment of a program."""
Variable = Annotated[str, Field(pattern=r"^[^\x00=]+$")]
Names = TypeVar("Names", bound=Iterable[str])
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")


def within(found: timedelta, least: timedelta, most: timedelta) -> timedelta:
    """The duration, or ValueError when it is not between the two."""
    if not least <= found <= most:
        between = f"{durations.render(least)} to {durations.render(most)}"
        raise ValueError(f"expected {between}, found {durations.render(found)}")
    return found


def address(text: str) -> str:
    """The web address, or ValueError with what is wrong with it; empty is allowed."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise ValueError(
            f"expected a web address such as http://127.0.0.1:9090, found {text[:60]!r}"
        ) from error
    plain = text.isascii() and text.isprintable() and " " not in text
    known = plain and parts.scheme in ("http", "https") and port != 0 and _is_host(host)
    if text and not known:
        raise ValueError(f"expected a web address such as http://127.0.0.1:9090, found {text[:60]!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected a web address without name and password: those have settings of their own")
    return text


def base(text: str) -> str:
    """The web address that paths are put behind, or ValueError."""
    if "?" in text or "#" in text:
        raise ValueError(f"expected a web address that ends with its path, found {text[:60]!r}")
    return text


def some(text: str) -> str:
    """The web address, or ValueError for none."""
    if not text:
        raise ValueError("expected a web address such as http://127.0.0.1:9090, found ''")
    return text


def _is_host(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(text))
    return HOST.fullmatch(text) is not None and not text.replace(".", "").isdigit()


def listening(text: str) -> str:
    """The address to listen on, or ValueError."""
    if not _is_host(text):
        raise ValueError(f"expected an address of this host such as 0.0.0.0 or ::, found {text[:60]!r}")
    return text


def over(known: Mapping[str, object]) -> Callable[[object], object]:
    """Lays what is found over what is known: who names one of them means to change that one alone."""
    return lambda found: {**known, **found} if isinstance(found, dict) else found


def mode(found: object) -> object:
    """YAML of before reads `off` without quotes as no: as a mode it can only mean off."""
    return Mode.OFF if found is False else found


def not_misspelt(found: Names, known: Iterable[str]) -> Names:
    """The names, of which a site may have its own; ValueError for one that is almost a known one."""
    for name in found:
        if (meant := get_close_matches(name, known, 1, 0.8)) and meant[0] != name:
            raise ValueError(f"expected {meant[0]!r} or a name unlike it, found {name!r}")
    return found


Name = Annotated[str, Field(pattern=r"^[^:\x00-\x1f\x7f]*$", max_length=100)]
Line = Annotated[str, Field(pattern=r"^[^`\x00-\x1f\x7f]*$", max_length=200)]
"""What stands in the middle of a sentence or a command on a page."""
Triggers = Annotated[
    dict[str, Annotated[Mode, BeforeValidator(mode)]],
    BeforeValidator(over(MODES)),
    AfterValidator(lambda found: not_misspelt(found, MODES)),
]
SEVERITIES = ("critical", "error", "warning", "info", "none")
"""What the shipped rules use; a site may have others."""
Severities = Annotated[
    list[Name], Field(min_length=1), AfterValidator(lambda found: not_misspelt(found, SEVERITIES))
]
Username = Annotated[Name, Field(min_length=1)]
Url = Annotated[str, AfterValidator(address)]
Base = Annotated[Url, AfterValidator(base)]
Other = Annotated[Base, AfterValidator(some)]
"""One of several: that there is none is said by an empty list."""


class Model(BaseModel):
    """Refuses what it does not know: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
