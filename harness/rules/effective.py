"""One alert as it is in force at a site: the rule, where each value comes from, its routes, its runbook."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError
from harness.paths import REPO
from harness.rules.programs import amtool
from harness.rules.suites import RULES
from monitoring.catalog import render_rules
from monitoring.errors import CatalogError

CONFIG = REPO / "monitoring" / "alertmanager.yml"
SOURCES = ("group_vars/all.yml", "group_vars/monitoring.yml")


def site_values(inventory: Path | None) -> tuple[Mapping[str, Any], float]:
    """`alert_overrides` and `prometheus_time_scale` (or `time_scale`) that an inventory's variables state."""
    values: dict[str, Any] = {}
    if inventory is not None:
        directory = inventory if inventory.is_dir() else inventory.parent
        found = [path for pattern in SOURCES for path in sorted(directory.glob(pattern))]
        found += [
            path
            for name in ("all", "monitoring")
            for path in sorted(directory.glob(f"group_vars/{name}/*.yml"))
        ]
        for path in found:
            values |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    scale = values.get("time_scale", 1)
    return values.get("alert_overrides", {}), float(scale)


def effective(name: str, inventory: Path | None) -> str:
    """What a person wants to know about an alert at a site, as text."""
    overrides, scale = site_values(inventory)
    try:
        before, after = (_find(name, render_rules(RULES, **how)) for how in ({}, _how(overrides, scale)))
    except CatalogError as error:
        raise HarnessError(str(error)) from None
    if before is None:
        raise HarnessError(
            f"expected the name of an alert, found {name!r}; `harness rules coverage` lists them"
        )
    if after is None:
        return f"{name} is switched off by alert_overrides of {inventory}"
    lines = [yaml.safe_dump(after, sort_keys=False, width=110).rstrip(), ""]
    lines += [
        f"{field}: {_origin(name, field, before, after, overrides, scale)}"
        for field in ("expr", "for", "labels")
    ]
    lines += [f"routes: {', '.join(_routes(after['labels']))}", f"runbook: docs/runbooks/{name}.md"]
    return "\n".join(lines)


def _how(overrides: Mapping[str, Any], scale: float) -> dict[str, Any]:
    return {"overrides": overrides, "time_scale": scale}


def _find(name: str, files: Mapping[str, str]) -> dict[str, Any] | None:
    for text in files.values():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") == name:
                    return dict(rule)
    return None


def _origin(
    name: str,
    field: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    overrides: Mapping[str, Any],
    scale: float,
) -> str:
    by_field = {"expr": {"threshold"}, "for": {"for"}, "labels": {"labels", "severity"}}
    stated = sorted(by_field[field] & set(overrides.get(name, {})))
    origins = [f"alert_overrides ({', '.join(stated)})"] if stated else ["monitoring/rules"]
    scaled = (
        field != "labels" and scale != 1 and str(before.get(field)).split() != str(after.get(field)).split()
    )
    return ", then ".join([*origins, f"time_scale {scale:g}"] if scaled else origins)


def _routes(labels: Mapping[str, str]) -> list[str]:
    pairs = [f"{key}={value}" for key, value in labels.items()]
    answer = amtool("config", "routes", "test", f"--config.file={CONFIG}", *pairs)
    return answer.stdout.strip().split(",")
