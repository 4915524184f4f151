"""Queries that read what no target of the lab exposes: they can never be true, and panels stay empty."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from monitoring.errors import CatalogError
from monitoring.promql import Matcher, Selector, walk
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_yaml
from ruletools.house.lint.content import House
from ruletools.house.lint.exposed import Exposed, ask, differences, read_catalogue
from ruletools.lint.findings import Finding, Level
from ruletools.ruleset import name_of

BUILT_IN = ("ALERTS", "ALERTS_FOR_STATE")
SHOWN = 5
REGENERATE = "`harness rules exposed --prometheus URL` writes the catalogue anew"


@dataclass(frozen=True)
class Query:
    """An expression, and a finding that only lacks what is wrong with it."""

    expression: str
    finding: Finding

    @cached_property
    def refused(self) -> str:
        """The parser's words where it is no PromQL: promtool reads rules, but nothing reads panels."""
        try:
            parse(self.expression)
        except CatalogError as error:
            return str(error)
        return ""

    @property
    def selectors(self) -> list[Selector]:
        nodes = () if self.refused else walk(parse(self.expression))
        return [node for node in nodes if isinstance(node, Selector)]


@dataclass(frozen=True)
class Known:
    """What may be read: exposed and recorded series, and what is excused with a reason."""

    content: House
    exposed: Exposed
    running: bool = False  # what a running lab exposes depends on its distribution

    @cached_property
    def recorded(self) -> set[str]:
        return {record for file in self.content.files for record in file.recordings}

    @cached_property
    def jobs(self) -> set[str]:
        scraped = read_yaml(self.content.scraping.read_text("utf-8"))["scrape_configs"]
        return {job["job_name"] for job in scraped}

    def wrong(self, selector: Selector, *, excused: bool = True) -> str:
        """What is wrong with a selector, or nothing."""
        if not selector.metric or selector.metric in BUILT_IN or selector.metric in self.recorded:
            return ""
        if excused and selector.metric in self._excused:
            return ""
        if ":" in selector.metric:
            return f"reads {selector.metric}, which no rule records"
        jobs = self.jobs_of(selector)
        if not jobs:
            return f"reads {selector.metric} of a job that nothing scrapes"
        if excused and jobs <= self.content.excused("not_exposed", "jobs"):
            return ""
        labels = [found for job in jobs if (found := self.exposed.labels(job, selector.metric)) is not None]
        if not labels:
            return f"reads {selector.metric}, which no target of {', '.join(sorted(jobs))} exposes"
        return self._unlabelled(selector, frozenset().union(*labels))

    @cached_property
    def _excused(self) -> set[str]:
        older = self.content.excused("not_exposed", "older") if self.running else set()
        return self.content.excused("not_exposed", "metrics") | older

    def jobs_of(self, selector: Selector) -> set[str]:
        """The scraped jobs that a selector may mean."""
        asked = [matcher for matcher in selector.matchers if matcher.name == "job"]
        return {job for job in self.jobs if all(_holds(matcher, job) for matcher in asked)}

    def _unlabelled(self, selector: Selector, labels: frozenset[str]) -> str:
        for matcher in selector.matchers:
            if matcher.name not in labels | {"job"} and not _holds(matcher, ""):
                return f"selects {matcher}, and {selector.metric} has no label {matcher.name}"
        return ""


def _holds(matcher: Matcher, value: str) -> bool:
    same = bool(re.fullmatch(matcher.value, value)) if "~" in matcher.op else value == matcher.value
    return same != matcher.op.startswith("!")


def queries(content: House) -> Iterator[Query]:
    """Every expression of a rule, what the daemon asks with, and what panels ask."""
    mend = f"mend it, scrape it, {content.keep}"
    for file in content.files:
        for rule in file.rules:
            name = name_of(rule)
            yield Query(rule["expr"], content.at_rule(file.name, name, "expr", "", mend))
            for asks in ("verify", "evidence"):
                if question := rule.get("annotations", {}).get(asks):
                    yield Query(question, content.at_rule(file.name, name, f"annotations.{asks}", "", mend))
    for dashboard in content.dashboards:
        for panel in dashboard.panels:
            for expression in panel.expressions:
                line = dashboard.line_of(expression)
                yield Query(expression, content.at(dashboard.path, line, f"{panel.title}: ", mend))


def without_series(content: House) -> Iterator[Finding]:
    """Queries without a series in the lab, and excuses for such that nothing needs any more."""
    known = Known(content, read_catalogue(content.catalogue))
    yield from _wrong(content, known)
    selectors = [selector for query in queries(content) for selector in query.selectors]
    needed = [selector for selector in selectors if known.wrong(selector, excused=False)]
    yield from content.idle({each.metric for each in needed}, "not_exposed", "metrics")
    scraped = [each for each in needed if ":" not in each.metric]
    yield from content.idle({job for each in scraped for job in known.jobs_of(each)}, "not_exposed", "jobs")


def _wrong(content: House, known: Known) -> Iterator[Finding]:
    for query in queries(content):
        for what in dict.fromkeys([query.refused, *(known.wrong(each) for each in query.selectors)]):
            if what:
                found = query.finding
                yield Finding(found.file, found.line, f"{found.what}{what}", found.mend)


def differing(content: House, prometheus: str) -> list[Finding]:
    """How a running lab differs from the committed catalogue; where a query suffers it is an error."""
    running, path = ask(prometheus), content.catalogue
    found = list(_wrong(content, Known(content, running, running=True)))
    for job, words in differences(read_catalogue(path), running).items():
        more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
        what = f"the running lab differs in the job {job}: {', '.join(words[:SHOWN])}{more}"
        found.append(content.at(path, 1, what, REGENERATE, Level.WARNING))
    return found
