"""Rule files of Prometheus, read into frozen records of their alerts and recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.promql import Node
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_as_written

RULE_FILES = "*.rules.yml"
Source = Path | str | Sequence[Path]
"""A directory with rule files, or the files."""
SEVERITIES = ("critical", "error", "warning", "info", "none")


@dataclass(frozen=True)
class Recording:
    """A recording rule; `expr` is the text in the file."""

    record: str
    expr: str
    file: str
    group: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def tree(self) -> Node:
        return parse(self.expr)


@dataclass(frozen=True)
class Alert:
    """An alerting rule; durations are milliseconds, `expr` is the text in the file.

    `recordings` are all recorded series of the directory: what may stand behind the expression.
    """

    name: str
    expr: str
    file: str
    group: str
    for_ms: int = 0
    keep_firing_for_ms: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    recordings: Mapping[str, Recording] = field(default_factory=dict, repr=False, compare=False)

    @property
    def tree(self) -> Node:
        return parse(self.expr)

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def rollback_trigger(self) -> str | None:
        return self.labels.get("rollback_trigger")


def read(path: Path) -> dict[str, Any]:
    """The structure of a rule file, or CatalogError naming what is wrong with it."""
    try:
        document = read_as_written(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CatalogError(f"{path}: expected YAML, found {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("groups"), list):
        raise CatalogError(
            f"{path}: expected a mapping with a list `groups`, found {type(document).__name__}"
        )
    return document


def rule_files(source: Source) -> list[Path]:
    """The rule files of a directory in a stable order; none is an error, because nothing would be watched.

    Files that are named are taken as they are called.
    """
    if not isinstance(source, Path | str):
        return [Path(path) for path in source]
    paths = sorted(Path(source).glob(RULE_FILES))
    if not paths:
        raise CatalogError(f"expected files named {RULE_FILES} in {source}, found none; is the path right?")
    return paths


def _rules(source: Source) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in rule_files(source):
        for group in read(path)["groups"]:
            for rule in group["rules"]:
                yield path.name, group["name"], rule


def load_recordings(source: Source) -> tuple[Recording, ...]:
    """Every recording rule, in the order of the files."""
    return tuple(
        Recording(rule["record"], rule["expr"], file, group, rule.get("labels", {}))
        for file, group, rule in _rules(source)
        if "record" in rule
    )


def load(source: Source) -> tuple[Alert, ...]:
    """Every alert, in the order of the files. An alert's name occurs once; CatalogError otherwise."""
    recordings = {recording.record: recording for recording in load_recordings(source)}
    alerts: dict[str, Alert] = {}
    for file, group, rule in _rules(source):
        if "alert" not in rule:
            continue
        alert = _alert(rule, file, group, recordings)
        if alert.name in alerts:
            raise CatalogError(
                f"{file}: expected each alert once, found {alert.name} also in {alerts[alert.name].file}"
            )
        alerts[alert.name] = alert
    return tuple(alerts.values())


def _alert(rule: dict[str, Any], file: str, group: str, recordings: Mapping[str, Recording]) -> Alert:
    return Alert(
        name=rule["alert"],
        expr=rule["expr"],
        file=file,
        group=group,
        for_ms=parse_duration(rule.get("for", 0)),
        keep_firing_for_ms=parse_duration(rule.get("keep_firing_for", 0)),
        labels=rule.get("labels", {}),
        annotations=rule.get("annotations", {}),
        recordings=recordings,
    )
