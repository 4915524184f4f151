"""Which programs the process exporter watches, as a site says it and as the exporter reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monitoring.errors import CatalogError

INPUT = "exporter_process_names"
GROUP = "process"
WAYS = ("comm", "exe", "cmdline")
"""How a program is known: its short name, its path, or patterns of its whole command line."""
WANTED = f"{INPUT}: expected each program as {{name: databases, comm: [mariadbd]}}, or by exe or cmdline"


def config(names: Any) -> str:
    """The exporter's configuration; CatalogError where it could not tell the programs apart."""
    if not isinstance(names, list) or not names:
        raise CatalogError(f"{WANTED}, found {'none' if not names else repr(names)}")
    taken: set[str] = set()
    for one in names:
        _check(one)
        if one["name"] in taken:
            raise CatalogError(f"{INPUT}: expected each name once, found {one['name']} twice")
        taken.add(one["name"])
    return yaml.safe_dump({"process_names": [dict(one) for one in names]}, sort_keys=False)


def _check(one: Any) -> None:
    """A name made of what is found, such as `{{.Comm}}`, would be gone whenever a short program ends."""
    given = dict(one) if isinstance(one, Mapping) else {}
    ways = {way: texts for way, texts in given.items() if way != "name"}
    if not isinstance(given.get("name"), str) or not ways or not ways.keys() <= {*WAYS}:
        raise CatalogError(f"{WANTED}, found {one!r}")
    if "{{" in given["name"]:
        raise CatalogError(f"{INPUT}: expected a fixed name, found {given['name']!r}; name each program")
    for way, texts in ways.items():
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise CatalogError(
                f"{INPUT}: expected {way} of {given['name']} as a list of texts, found {texts!r}"
            )


def problems(groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each host in the group whose programs are not said."""
    for host in groups.get(GROUP, ()):
        try:
            config(hostvars[host].get(INPUT, []))
        except CatalogError as error:
            yield f"{host}: {error}"
