"""What other rooms use of this package: read the rules, render the files, compute detection times.

Everything here is pure: files are read, text is returned, nothing is written. Without overrides and at
factor 1 a file's text comes back byte for byte.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from monitoring import slo
from monitoring.delivery.inputs import laid_over
from monitoring.detection import detection_bounds
from monitoring.errors import CatalogError
from monitoring.links import Links
from monitoring.overrides import Overrides, check, override
from monitoring.patch import merge
from monitoring.rule_files import Alert, Recording, load, load_recordings, rule_files
from monitoring.timescale import check_factor, scale_alertmanager, scale_prometheus, scale_rule_file
from monitoring.yaml_text import read_yaml

__all__ = [
    "Alert",
    "CatalogError",
    "Links",
    "Recording",
    "detection_bounds",
    "load",
    "load_recordings",
    "render_alertmanager",
    "render_prometheus",
    "render_rules",
]


def render_rules(
    directory: Path | str,
    *,
    overrides: Overrides | None = None,
    links: Links | None = None,
    time_scale: float = 1,
    promised: Any = None,
) -> dict[str, str]:
    """Text of each rule file by its name, with the site's overrides and links, then the time scale.

    What is *promised* is laid over slo.yml beside the directory, and the rules of it are made anew.
    """
    overrides, links = {} if overrides is None else overrides, links or Links()
    check_factor(time_scale)
    links.check()
    alerts = {alert.name: alert for alert in load(directory)}
    check(overrides, alerts)
    texts = {path.name: path.read_text(encoding="utf-8") for path in rule_files(directory)}
    if promised:
        texts[slo.TARGET.name] = _promised(Path(directory), promised, alerts)
    return {name: _render_rules(text, overrides, links, time_scale) for name, text in texts.items()}


def _promised(directory: Path, promised: Any, alerts: Mapping[str, Alert]) -> str:
    text = slo.generate((directory.parent / slo.SOURCE.name).read_text(encoding="utf-8"), promised)
    rules = [rule for group in read_yaml(text)["groups"] for rule in group["rules"]]
    if new := [rule["alert"] for rule in rules if rule.get("alert", "") not in ("", *alerts)]:
        raise CatalogError(
            f"slo: expected other numbers and journeys, found the new alert {new[0]}: it has no runbook"
        )
    return text


def _render_rules(text: str, overrides: Overrides, links: Links, time_scale: float) -> str:
    original = read_yaml(text)
    groups = [{**group, "rules": _for_site(group["rules"], overrides, links)} for group in original["groups"]]
    document = {**original, "groups": [group for group in groups if group["rules"]]}
    if time_scale != 1:
        document = scale_rule_file(document, time_scale)
    return text if document == original else dump(document)


def _for_site(rules: list[dict[str, Any]], overrides: Overrides, links: Links) -> list[dict[str, Any]]:
    changed = [override(rule, overrides.get(rule.get("alert", ""), {})) for rule in rules]
    return [_linked(rule, links) for rule in changed if rule is not None]


def _linked(rule: dict[str, Any], links: Links) -> dict[str, Any]:
    if "annotations" not in rule:
        return rule
    return {**rule, "annotations": links.annotations(rule["annotations"])}


def render_prometheus(text: str, *, time_scale: float = 1, overrides: Mapping[str, Any] | None = None) -> str:
    """prometheus.yml with `overrides` merged over it (scrape_configs by job_name), then the time scale."""
    return _render(text, overrides, time_scale, scale_prometheus)


def render_alertmanager(
    text: str, *, time_scale: float = 1, said: Mapping[str, Any] | None = None, whole: bool = True
) -> str:
    """alertmanager.yml with what a site *said* in the inputs of `monitoring.delivery`, then the time scale.

    Without, it is no site's: the file of the repository, with the addresses of the requirements.
    A file that is to be installed is *whole*.
    """
    sited = partial(laid_over, said=said, whole=whole) if said is not None else dict
    return _render(text, None, time_scale, scale_alertmanager, sited)


def _render(
    text: str,
    overrides: Mapping[str, Any] | None,
    time_scale: float,
    scale: Callable[[Any, float], Any],
    sited: Callable[[Any], Any] = dict,
) -> str:
    check_factor(time_scale)
    original = read_yaml(text)
    if not isinstance(original, dict):
        raise CatalogError(f"expected a configuration as a mapping, found {type(original).__name__}")
    overrides = {} if overrides is None else overrides
    if not isinstance(overrides, Mapping):
        raise CatalogError(
            f"expected overrides as a mapping laid over the configuration, found {overrides!r}"
        )
    document = merge(sited(original), overrides)
    if time_scale != 1:
        document = scale(document, time_scale)
    return text if document == original else dump(document)


def dump(document: Any) -> str:
    """Return the text of a file that a host reads."""
    return "# Rendered from the repository's file with this site's overrides and time scale.\n" + yaml.dump(
        document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=120
    )


class _PlainDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes a shared part out each time: an alias is hard to read in an installed file."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
