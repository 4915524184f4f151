"""The annotation `query` of every alert: its expression on one line, to be pasted into Prometheus.

`python -m monitoring.queries` writes it into rules/*.rules.yml, below `dashboard_url`; lint compares. With
it a message can show what was asked, also where the reader cannot follow the link to Prometheus.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitoring.rule_files import rule_files
from monitoring.yaml_text import read_yaml

Rule = dict[str, Any]
RULES = Path(__file__).parent / "rules"
NAME = "query"
_WIDTH = 108
_INDENT = " " * 10


def query_of(expression: str) -> str:
    """The expression as the text of an annotation; annotations are templates, so braces are escaped."""
    return " ".join(expression.split()).replace("{{", '{{ "{{" }}')


def requery(rule: Rule) -> Rule:
    """The rule whose `query`, if it has one, follows its expression."""
    if NAME not in rule.get("annotations", {}):
        return rule
    return {**rule, "annotations": {**rule["annotations"], NAME: query_of(rule["expr"])}}


def with_queries(text: str) -> str:
    """The text of a rule file with the `query` of every alert; comments and layout stay."""
    expressions = {
        rule["alert"]: rule["expr"]
        for group in read_yaml(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    return "".join(_lines(text.splitlines(keepends=True), expressions))


def _lines(lines: list[str], expressions: dict[str, str]) -> Iterator[str]:
    alert, dropping = "", False
    for line in lines:
        key = line.strip().partition(":")[0]
        if dropping and line.startswith(_INDENT + " "):
            continue
        dropping = line.startswith(_INDENT) and key == NAME
        if dropping:
            continue
        yield line
        if key == "- alert":
            alert = line.partition(":")[2].strip()
        elif line.startswith(_INDENT + "dashboard_url:"):
            yield annotation(expressions[alert])


def annotation(expression: str) -> str:
    """The lines of the annotation in a rule file."""
    text = query_of(expression)
    quoted = text.replace("'", "''")
    if len(quoted) <= _WIDTH:
        return f"{_INDENT}{NAME}: '{quoted}'\n"
    wrapped = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"{_INDENT}{NAME}: >-\n" + "".join(f"{_INDENT}  {line}\n" for line in wrapped)


if __name__ == "__main__":
    for path in rule_files(RULES):
        path.write_text(with_queries(path.read_text(encoding="utf-8")), encoding="utf-8")
