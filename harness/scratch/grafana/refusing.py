"""What the stand-in says of a file that Grafana would not take."""

from collections.abc import Iterable, Mapping
from typing import Any


class RefusedError(Exception):
    """A file is not what Grafana reads."""


def only(where: str, found: Any, known: Iterable[str], needed: Iterable[str]) -> Mapping[str, Any]:
    """The mapping, or RefusedError where a key is unknown to Grafana or one that it needs is not there."""
    if not isinstance(found, Mapping):
        raise RefusedError(f"{where}: expected a mapping, found {found!r}")
    unknown = sorted(set(found) - set(known))
    lacking = sorted(key for key in needed if not found.get(key))
    if unknown or lacking:
        raise RefusedError(
            f"{where}: unknown {', '.join(unknown) or 'nothing'}, lacking {', '.join(lacking)}"
        )
    return found


def once(where: str, what: str, values: Iterable[str]) -> None:
    """RefusedError where a value is there twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise RefusedError(f"{where}: expected each {what} once, found {value} twice")
        seen.add(value)
