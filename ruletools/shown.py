"""One alert or recorded series with all that the given files know of it, as text and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from monitoring.routing import Route
from ruletools.errors import RulesError
from ruletools.expressions import metrics_of
from ruletools.names import near
from ruletools.routes import muted_by, routes_for
from ruletools.ruleset import Located, RuleFile, asked_by, located, name_of
from ruletools.suites import Group, Suite

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Shown:
    """One rule: where it stands, what it reads, who asks about it, where its alert goes."""

    of: Located
    reads: Mapping[str, str]  # each series, with where it is recorded
    read_by: Sequence[str]
    tests: Sequence[str]
    routes: Sequence[Route]
    muted_by: Sequence[str]

    @property
    def place(self) -> str:
        return f"{self.of.file.name}:{self.of.file.line(self.of.index)}"


def show(
    name: str, files: Sequence[RuleFile], suites: Sequence[Suite], config: Mapping[str, Any]
) -> list[Shown]:
    """Every rule of that name, or of that label; RulesError names the nearest where there is none."""
    everything = list(located(files))
    found = [each for each in everything if name in (each.label, name_of(each.rule))]
    if not found:
        known = sorted({name_of(each.rule) for each in everything})
        raise RulesError(f"expected the name of a rule, found {name!r}; {near(name, known)}")
    labels = [_labels(each) for each in everything if "alert" in each.rule]
    recorded = {each.rule["record"]: each for each in everything if "record" in each.rule}
    return [
        Shown(
            of=each,
            reads={
                metric: f"{recorded[metric].file.name}:{recorded[metric].file.line(recorded[metric].index)}"
                if metric in recorded
                else ""
                for metric in sorted(metrics_of(each.rule["expr"]))
            },
            read_by=sorted(
                other.label for other in everything if name_of(each.rule) in metrics_of(other.rule["expr"])
            ),
            tests=list(_tests(name_of(each.rule), suites)),
            routes=routes_for(config, _labels(each)) if "alert" in each.rule else [],
            muted_by=muted_by(config, _labels(each), labels) if "alert" in each.rule else [],
        )
        for each in found
    ]


def _labels(each: Located) -> dict[str, str]:
    return {**each.rule.get("labels", {}), "alertname": name_of(each.rule)}


def _tests(name: str, suites: Sequence[Suite]) -> Iterator[str]:
    for suite in suites:
        for group in suite.groups:
            if moments := ", ".join(_moments(name, group)):
                yield f"{suite.name}: {group.name}: {moments}"


def _moments(name: str, group: Group) -> Iterator[str]:
    for question in group.questions:
        if name in asked_by(question, group.alert):
            if "alertname" in question:
                count = len(question["exp_alerts"])
                yield f"{f'{count} fire' if count else 'silent'} at {question['eval_time']}"
            else:
                yield f"{len(question['exp_samples'])} samples at {question['eval_time']}"


def as_text(found: Sequence[Shown]) -> str:
    """For a person: each rule, then what it is made of and who knows it."""
    return "\n\n".join("\n".join(_lines(each)) for each in found)


def _lines(each: Shown) -> Iterator[str]:
    yield f"{each.of.label} in {each.place}"
    yield ""
    yield yaml.dump(
        {**each.of.rule, "expr": each.of.rule["expr"].strip()},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )
    reads = [f"{metric}, recorded at {at}" if at else metric for metric, at in each.reads.items()]
    for title, rows in {
        "reads": reads,
        "read by": each.read_by,
        "unit tests": each.tests,
        "routes": [_route(route) for route in each.routes],
        "may be muted by": each.muted_by,
    }.items():
        if rows or title in ("reads", "unit tests"):
            yield title
            yield from (f"  {row}" for row in rows or ["none"])


def _route(route: Route) -> str:
    return f"{route['receiver']}, grouped by {', '.join(route.get('group_by') or ()) or 'nothing'}"


def as_json(found: Sequence[Shown]) -> str:
    """A list, for a program."""
    return json.dumps(
        [
            {
                "label": each.of.label,
                "at": each.place,
                "rule": dict(each.of.rule),
                "reads": each.reads,
                "read_by": each.read_by,
                "tests": each.tests,
                "routes": [{key: route[key] for key in route if key != "routes"} for route in each.routes],
                "muted_by": each.muted_by,
            }
            for each in found
        ],
        indent=2,
    )
