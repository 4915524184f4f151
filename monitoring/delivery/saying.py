"""What every input shares: a shape is asked for in a sentence, and a misspelt name is told its nearest."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from monitoring.errors import CatalogError

Config = dict[str, Any]
SECRETS = "/etc/alertmanager/secrets/"


def known(place: str, name: object, names: Iterable[str], what: str) -> str:
    """Return *name*; CatalogError with the nearest one where it is none of the *names*."""
    possible = list(names)
    if isinstance(name, str) and name in possible:
        return name
    near = get_close_matches(str(name), possible, 1)
    hint = f"; is {near[0]} meant?" if near else ""
    raise CatalogError(f"{place}: expected {what} ({', '.join(possible)}), found {name!r}{hint}")


def mapping(place: str, value: Any, keys: Iterable[str], what: str) -> dict[str, Any]:
    """Return *value* as a mapping with none but these keys."""
    if not isinstance(value, Mapping):
        raise CatalogError(f"{place}: expected {what}, found {kind_of(value)}")
    for key in value:
        known(place, key, keys, "some of")
    return dict(value)


def listed(place: str, value: Any) -> list[dict[str, Any]]:
    """Return *value* as a list of mappings."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise CatalogError(f"{place}: expected a list of dictionaries, found {kind_of(value)}")
    return [dict(item) for item in value]


def kind_of(value: Any) -> str:
    """What it is, not what it says: an address or a key in it would stand in the log."""
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, list):
        return f"a list with {', '.join(sorted({kind_of(item) for item in value})) or 'nothing'} in it"
    return {"str": "a text", "int": "a number", "NoneType": "nothing"}.get(
        type(value).__name__, type(value).__name__
    )


def words(place: str, value: Any) -> str:
    """Return *value*, the words of a person who gives a reason."""
    if not isinstance(value, str) or not value.strip():
        raise CatalogError(f"{place}: expected the reason in words, found {value!r}")
    return value


def changed_entries(config: Mapping[str, Any], kind: str, change: Any) -> Config:
    """The configuration with each integration of a kind as *change* gives it back; None takes it away."""
    receivers = []
    for receiver in config.get("receivers") or []:
        entries = [new for entry in receiver.get(kind) or [] if (new := change(entry)) is not None]
        kept = {key: value for key, value in receiver.items() if key != kind}
        receivers.append({**receiver, kind: entries} if entries else kept)
    return {**config, "receivers": receivers}
