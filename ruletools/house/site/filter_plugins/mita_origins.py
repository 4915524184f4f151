"""A filter that says in which file and line each part of a variable was written, as far as Ansible knows."""

from collections.abc import Iterator, Mapping
from typing import Any

from ansible._internal._datatag._tags import Origin


def origins(value: Any) -> dict[str, str]:
    """Return `file:line` by path (`CriticalErrorRate.labels.team`); an empty path is the value as a whole."""
    return dict(_walk("", value, value))


def _walk(path: str, key: Any, value: Any) -> Iterator[tuple[str, str]]:
    # Numbers and texts carry where they were written; true, false and null cannot, but their keys can.
    origin = Origin.get_tag(value) or Origin.get_tag(key)
    if origin is not None:
        yield path, _said(origin)
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _walk(f"{path}.{name}" if path else str(name), name, part)


def _said(origin: Any) -> str:
    line = f":{origin.line_num}" if origin.line_num else ""
    return f"{origin.path}{line}" if origin.path else str(origin.description)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_origins": origins}
