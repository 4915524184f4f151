"""Values of the chart for a site's own inputs: `python -m monitoring.site_files site.yml > values.site.yaml`.

helm reads no PromQL and checks no route. So the inputs of the roles are applied here, by the code of the
roles, and what comes out stands in the place of the chart's files.
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from monitoring import catalog, own_rules
from monitoring.delivery import inputs
from monitoring.delivery.saying import kind_of, known
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

HERE = Path(__file__).parent
ELSEWHERE = {
    inputs.MAIL: "alertmanager.mail",
    "alertmanager_dead_man": "alertmanager.deadMan",
    "alertmanager_timezone": "alertmanager.timezone",
    "prometheus_external_labels": "prometheus.externalLabels",
    "prometheus_jobs": "prometheus.targets and prometheus.discovery",
    "prometheus_public_endpoints": "prometheus.targets.blackbox-public",
    "prometheus_runbooks_url": "prometheus.runbooksUrl",
    "prometheus_dashboards_url": "prometheus.dashboardsUrl",
    "rollback_settings": "rollback.settings",
}
"""What the chart has a value for, which a template applies."""
SECRETS = (
    *(
        "password",
        "auth_password",
        "auth_secret",
        "credentials",
        "bearer_token",
        "client_secret",
        "secret_key",
    ),
    *("routing_key", "service_key", "api_key", "api_secret", "user_key", "token", "bot_token", "webhook_url"),
    "slack_api_url",
)
"""What of Alertmanager's and Prometheus' configuration is secret, and may be the name of a file instead."""
LOGIN = re.compile(r"://[^/\s]*@")
WITHOUT = ("mail", "pagerduty", "slack", "dead_man")
DELIVERY = tuple(name for name in inputs.INPUTS if name not in ELSEWHERE)
TEMPLATES, RULES = "alertmanager_template_files", "prometheus_rule_files"
TIMES = ("alertmanager_time_scale", "prometheus_time_scale")
NAMES = (
    *DELIVERY,
    TEMPLATES,
    "prometheus_alert_overrides",
    "prometheus_overrides",
    "prometheus_slo",
    RULES,
    *TIMES,
)


def site_files(said: Any, folder: Path) -> dict[str, str]:
    """The text of each file that the inputs change, by its path; what they name is sought from *folder*."""
    given = _known(said)
    texts = {**_alertmanager(given, folder), **_prometheus(given, folder)}
    for path in ("alertmanager.yml", "prometheus.yml"):
        for place in _secrets(read_yaml(texts[path])):
            raise CatalogError(
                f"{path},{place}: expected no secret in what becomes a ConfigMap, found one; put it into the "
                f"Secret, and name its file instead, such as /etc/{path.removesuffix('.yml')}/secrets/KEY"
            )
    return {path: text for path, text in texts.items() if text != _native(path)}


def fingerprint() -> str:
    """Of all files that could be changed: the chart refuses what was made of another state of them."""
    paths = [
        HERE / "alertmanager.yml",
        HERE / "prometheus.yml",
        *HERE.glob("rules/*"),
        *HERE.glob("templates/*"),
    ]
    named = sorted((path.relative_to(HERE).as_posix(), path) for path in paths)
    return hashlib.sha256(b"".join(name.encode() + path.read_bytes() for name, path in named)).hexdigest()


def _secrets(value: Any, place: str = "", kind: str = "") -> Iterator[str]:
    """Where a secret stands, or an address with a login; what is meant to be seen has other names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and (name in SECRETS or (name, kind) == ("api_url", "slack_configs")):
                yield f"{place} {name}"
            yield from _secrets(inner, f"{place} {name}", name)
    elif isinstance(value, list):
        for inner in value:
            name = inner.get("name", "") if isinstance(inner, Mapping) else ""
            yield from _secrets(inner, f"{place} {name}".rstrip(), kind)
    elif isinstance(value, str) and LOGIN.search(value):
        yield place


def _known(said: Any) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        raise CatalogError(f"expected a mapping of inputs of the roles, found {kind_of(said)}")
    for name in said:
        if name in ELSEWHERE:
            raise CatalogError(f"{name}: expected it in the values of the chart, as {ELSEWHERE[name]}")
        known("the site's inputs", name, NAMES, "some of")
    for name in said.get("alertmanager_without") or ():
        if name in WITHOUT:
            raise CatalogError(
                f"alertmanager_without, {name}: expected it in the chart's values, as alertmanager.without"
            )
    return dict(said)


def _alertmanager(given: Mapping[str, Any], folder: Path) -> dict[str, str]:
    native = _native("alertmanager.yml")
    delivery = {name: given[name] for name in DELIVERY if given.get(name)}
    config = read_yaml(native)
    inputs.refuse_cuts(config, delivery, _alerts(), daemon=True)
    laid = catalog.render_alertmanager(
        native, time_scale=given.get("alertmanager_time_scale", 1), said=delivery, whole=False
    )
    return {"alertmanager.yml": laid, **_templates(given.get(TEMPLATES) or [], folder)}


def _prometheus(given: Mapping[str, Any], folder: Path) -> dict[str, str]:
    scale = given.get("prometheus_time_scale", 1)
    rules = catalog.render_rules(
        HERE / "rules",
        overrides=given.get("prometheus_alert_overrides") or {},
        promised=given.get("prometheus_slo") or {},
        time_scale=scale,
    )
    rules |= own_rules.texts(_paths(RULES, given.get(RULES) or [], folder), rules)
    config = catalog.render_prometheus(
        _native("prometheus.yml"), time_scale=scale, overrides=given.get("prometheus_overrides") or {}
    )
    return {"prometheus.yml": config} | {f"rules/{name}": text for name, text in rules.items()}


def _templates(said: Any, folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in map(Path, _paths(TEMPLATES, said, folder)):
        name = f"templates/{path.name}"
        if path.suffix != ".tmpl" or name in found or _native(name):
            raise CatalogError(f"{TEMPLATES}: expected a name of its own that ends with .tmpl, found {path}")
        try:
            found[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogError(f"{TEMPLATES}: expected a text in UTF-8 at {path}, found: {error}") from error
    return found


def _paths(name: str, said: Any, folder: Path) -> list[str]:
    if not isinstance(said, list) or not all(isinstance(path, str) for path in said):
        raise CatalogError(f"{name}: expected a list of paths, found {kind_of(said)}")
    return [str(folder / path) for path in said]


def _alerts() -> list[Mapping[str, str]]:
    return [{**alert.labels, "alertname": alert.name} for alert in catalog.load(HERE / "rules")]


def _native(path: str) -> str:
    place = HERE / path
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def main(argv: list[str]) -> int:
    """Print the values, or say what is wrong and end with 1."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m monitoring.site_files site.yml > values.site.yaml\n")
        return 2
    path = Path(argv[0])
    try:
        files = site_files(read_yaml(path.read_text(encoding="utf-8")) or {}, path.parent)
    except (CatalogError, OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    sys.stdout.write(f"# Made of {path.name} by `python -m monitoring.site_files`.\n")
    values = {"files": files, "filesOf": fingerprint()}
    yaml.dump(values, sys.stdout, Dumper=_Blocks, allow_unicode=True, width=10_000)
    return 0


class _Blocks(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a review sees what changed."""


_Blocks.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
