"""Rule files that a site adds to those of the repository."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monitoring import own_rule_shapes
from monitoring.errors import CatalogError
from monitoring.rule_files import read
from monitoring.yaml_text import read_yaml

SUFFIX = ".rules.yml"


def texts(paths: Iterable[str], taken: Mapping[str, str]) -> dict[str, str]:
    """The text of each file by its name; CatalogError where it is none or repeats what is *taken*."""
    if isinstance(paths, str | Mapping):
        raise CatalogError(f"prometheus_rule_files: expected a list of paths, found {paths!r}")
    found: dict[str, str] = {}
    alerts = {alert: name for name, text in taken.items() for alert in _alerts(read_yaml(text))}
    for path in map(Path, paths):
        if not path.name.endswith(SUFFIX) or path.name in {**taken, **found}:
            raise CatalogError(
                f"prometheus_rule_files: expected a name of its own ending with {SUFFIX}, found {path.name}"
            )
        found[path.name] = _read(path)
        for alert in _checked(path, read(path)):
            if alert in alerts:
                raise CatalogError(f"{path}: expected alerts of other names than {alert} of {alerts[alert]}")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"prometheus_rule_files: expected a rule file at {path}, found: {error}"
        ) from error


def _checked(path: Path, document: Any) -> list[str]:
    """The names of the alerts, once Prometheus could load the file."""
    try:
        own_rule_shapes.check(document)
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from error
    return _alerts(document)


def _alerts(document: Any) -> list[str]:
    return [
        str(rule["alert"])
        for group in (document or {}).get("groups") or []
        for rule in group.get("rules") or []
        if "alert" in rule
    ]
