"""Filters that ask the daemon's code: about names in `rollback_settings`, and about all that it would read.

The daemon would refuse both, too, but only when its turn comes: others are changed by then. Its code is
loaded where it is asked: that takes half a second, and every play loads all filters.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rollback.domain.errors import SettingsInvalid

INPUT = "rollback_settings"


def setting_problems(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Iterable[str]]
) -> list[str]:
    """Return a sentence for each setting that no daemon of the site knows, with the nearest name."""
    return [
        f"{INPUT} of {host}: {problem}"
        for host in groups.get("rollback", ())
        for problem in _problems(hostvars[host].get(INPUT) or {})
    ]


def refusal(folder: str) -> str:
    """Return why the daemon would not start with what a folder has for it; empty: it would."""
    from rollback.reloading import load

    try:
        load(Path(folder) / "settings.yml")
    except SettingsInvalid as refused:
        return str(refused)
    return ""


def _problems(settings: Any) -> Iterator[str]:
    """What is no dictionary is named where the shapes of inputs are read."""
    for under, known in _known().items() if settings else ():
        given = settings.get(under) if under and isinstance(settings, Mapping) else settings
        for name in given if isinstance(given, Mapping) else ():
            if name not in known:
                yield _sentence(under, str(name), known)


def _known() -> Mapping[str, Iterable[str]]:
    """The names of settings by the key that they stand under."""
    from rollback.setting_groups import ExecutorSettings
    from rollback.settings import Settings

    return {"": Settings.model_fields, "executor": ExecutorSettings.model_fields}


def _sentence(under: str, name: str, known: Iterable[str]) -> str:
    place = f"{under}.{name}" if under else name
    home = next((other for other, names in _known().items() if other != under and name in names), None)
    if home is not None:
        hint = f"it stands under {home}: {{{home}: {{{name}: ...}}}}" if home else f"it stands beside {under}"
        return f"expected settings of docs/settings.md, found {place}; {hint}"
    near = get_close_matches(name, known, n=1)
    meant = f"is {near[0]} meant?" if near else "leave it out"
    return f"expected settings of docs/settings.md, found {place}; {meant}"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_setting_problems": setting_problems, "mita_settings_refusal": refusal}
