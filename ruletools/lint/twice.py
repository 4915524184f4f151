"""Alerts whose name another file has: the name joins a rule to its tests, its runbook and its silences."""

from collections.abc import Iterator

from ruletools.lint.content import Content
from ruletools.lint.findings import Finding


def twice(content: Content) -> Iterator[Finding]:
    """Each alert of a name that a file before it has too."""
    seen: dict[str, str] = {}
    for file in content.judged:
        for index, rule in enumerate(file.rules):
            if "alert" in rule and seen.setdefault(rule["alert"], file.name) != file.name:
                what = f"there is such an alert in {seen[rule['alert']]} too"
                yield content.at_index(file, index, "", what, "give it a name of its own")
