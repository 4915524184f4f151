"""What the checks of rules judge: rule files, their unit tests, Alertmanager's routes, and exceptions."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from monitoring.catalog import Alert
from ruletools.lint.findings import Finding, Level
from ruletools.listed import read_listed
from ruletools.places import line_at, shown
from ruletools.routes import read_routes
from ruletools.ruleset import RuleFile, alerts_of, name_of
from ruletools.suites import Suite


@dataclass(frozen=True)
class Content:
    """Files that are judged together. *opinion* is the level of what promtool itself would accept."""

    files: tuple[RuleFile, ...]
    suites: tuple[Suite, ...]
    routing: Path | None = None
    exceptions: Path | None = None
    root: Path | None = None
    opinion: Level = Level.WARNING

    @cached_property
    def judged(self) -> tuple[RuleFile, ...]:
        """The files without those that only a unit test loads."""
        return tuple(file for file in self.files if not file.context)

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        return alerts_of(self.files)

    @cached_property
    def routes(self) -> dict[str, Any]:
        """Alertmanager's configuration, empty where none was given."""
        return read_routes(self.routing) if self.routing else {}

    @property
    def keep(self) -> str:
        """How to keep what is found, said after what would mend it."""
        where = self.shown(self.exceptions) if self.exceptions else "a file given with --exceptions"
        return f"or say why not in {where}"

    def excused(self, *where: str) -> set[str]:
        """What is known and kept; the reasons are in the file of exceptions."""
        part: Any = self._exceptions
        for key in where:
            part = part.get(key) or {}
        return set(part)

    def idle(self, used: set[str], *where: str) -> Iterator[Finding]:
        """Exceptions that nothing needs."""
        for name in sorted(self.excused(*where) - used):
            path = self.exceptions or Path()
            line = line_at(path, *where, name)
            yield self.at(path, line, f"nothing needs the exception {name}", "delete it")

    @cached_property
    def _exceptions(self) -> dict[str, Any]:
        return dict(read_listed(self.exceptions, dict)) if self.exceptions else {}

    def at_rule(self, file: str, name: str, field: str, what: str, mend: str) -> Finding:
        """A finding about a field of the first rule of that name, about the rule if it lacks the field."""
        found = self._by_name[file]
        index = next(index for index, rule in enumerate(found.rules) if name_of(rule) == name)
        return self.at_index(found, index, field, what, mend, Level.ERROR)

    def at_index(
        self, file: RuleFile, index: int, field: str, what: str, mend: str, level: Level | None = None
    ) -> Finding:
        """The same about a rule by its number; without a level it is an opinion."""
        name = name_of(file.rules[index])
        return self.at(file.path, file.line(index, field), f"{name}: {what}", mend, level or self.opinion)

    @cached_property
    def _by_name(self) -> dict[str, RuleFile]:
        return {file.name: file for file in self.files}

    def at_routing(self, where: tuple[str | int, ...], what: str, mend: str, level: Level) -> Finding:
        """A finding about a part of Alertmanager's configuration, such as `("inhibit_rules", 0)`."""
        path = self.routing or Path()
        return self.at(path, line_at(path, *where), what, mend, level)

    def at(self, path: Path, line: int, what: str, mend: str, level: Level = Level.ERROR) -> Finding:
        """A finding at a line of a file."""
        return Finding(self.shown(path), line, what, mend, level)

    def shown(self, path: Path) -> str:
        """The path from the root, or from where the command is run."""
        return shown(path, self.root or Path.cwd())
