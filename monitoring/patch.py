"""Deep merge of a site's changes over a structure."""

from collections.abc import Mapping
from typing import Any

_KEYS = ("name", "job_name")


def merge(base: Any, patch: Any) -> Any:
    """`base` with `patch` laid over it: mappings merge, None removes, the rest replaces.

    A list whose items all have a `name` (receivers) or `job_name` (scrape_configs) merges item by item on it.
    """
    if isinstance(base, Mapping) and isinstance(patch, Mapping):
        merged = {key: merge(base[key], patch[key]) if key in patch else base[key] for key in base}
        merged |= {key: value for key, value in patch.items() if key not in base}
        return {key: value for key, value in merged.items() if not (key in patch and patch[key] is None)}
    key = _key(base, patch)
    return _merge_named(base, patch, key) if key else patch


def _key(base: Any, patch: Any) -> str | None:
    if not isinstance(base, list) or not isinstance(patch, list):
        return None
    items = [*base, *patch]
    return next(
        (key for key in _KEYS if items and all(isinstance(i, Mapping) and key in i for i in items)), None
    )


def _merge_named(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    changes = {item[key]: item for item in patch}
    names = {item[key] for item in base}
    merged = [merge(item, changes.get(item[key], {})) for item in base]
    return merged + [item for item in patch if item[key] not in names]
