"""The files that lint judges together, below one root, and what is read from them once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devtools.paths import REPO
from monitoring.catalog import Alert, load
from monitoring.records import read_yaml
from ruletools.lint.dashboards import Dashboard, load_dashboards
from ruletools.lint.findings import Finding, Level
from ruletools.lint.places import line_at, lines_of
from ruletools.ruleset import RuleFile, load_files
from ruletools.suites import Suite, load_suites

EXCEPTIONS = "lint_exceptions.yml"


@dataclass(frozen=True)
class Content:
    """A repository's rules, routes, dashboards, unit tests and runbooks."""

    root: Path = REPO

    @property
    def rules(self) -> Path:
        return self.root / "monitoring" / "rules"

    @property
    def routing(self) -> Path:
        return self.root / "monitoring" / "alertmanager.yml"

    @property
    def scraping(self) -> Path:
        return self.root / "monitoring" / "prometheus.yml"

    @property
    def runbooks(self) -> Path:
        return self.root / "docs" / "runbooks"

    @property
    def tests(self) -> Path:
        return self.root / "tests" / "rules"

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        return load(self.rules)

    @cached_property
    def files(self) -> tuple[RuleFile, ...]:
        return load_files(self.rules)

    @cached_property
    def dashboards(self) -> tuple[Dashboard, ...]:
        return load_dashboards(self.root / "monitoring" / "dashboards")

    @cached_property
    def suites(self) -> tuple[Suite, ...]:
        return load_suites(self.tests)

    @cached_property
    def routes(self) -> dict[str, Any]:
        return dict(read_yaml(self.routing.read_text("utf-8")))

    def excused(self, *where: str) -> set[str]:
        """What is known and kept; the reasons are in the file."""
        part: Any = self._exceptions
        for key in where:
            part = part.get(key) or {}
        return set(part)

    def idle(self, used: set[str], *where: str) -> Iterator[Finding]:
        """Exceptions that nothing needs."""
        path = self.tests / EXCEPTIONS
        for name in sorted(self.excused(*where) - used):
            yield self.at(
                path, line_at(path, *where, name), f"nothing needs the exception {name}", "delete it"
            )

    @cached_property
    def _exceptions(self) -> dict[str, Any]:
        return dict(read_yaml((self.tests / EXCEPTIONS).read_text("utf-8")))

    def at_rule(self, file: str, name: str, field: str, what: str, mend: str) -> Finding:
        """A finding about a field of a rule, at its line; about the whole rule if it lacks the field."""
        lines = lines_of(self.rules / file)[name]
        return self.at(self.rules / file, lines.get(field, lines[""]), f"{name}: {what}", mend)

    def at_routing(self, where: tuple[str | int, ...], what: str, mend: str, level: Level) -> Finding:
        """A finding about a part of Alertmanager's configuration, such as `("inhibit_rules", 0)`."""
        return self.at(self.routing, line_at(self.routing, *where), what, mend, level)

    def at(self, path: Path, line: int, what: str, mend: str, level: Level = Level.ERROR) -> Finding:
        """A finding at a line of a file."""
        return Finding(str(path.relative_to(self.root)), line, what, mend, level)
