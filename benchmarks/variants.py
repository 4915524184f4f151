"""The rule sets that are evaluated on the same data: the project's own, and what it is compared with.

Each is one group: Prometheus evaluates groups beside each other, and on two cores each makes the others
slower, many of them more so. Within a group one rule comes after the other, so its time is that of one full
evaluation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.server import dump
from devtools.errors import UserError
from monitoring.rule_files import read, rule_files
from monitoring.yaml_text import read_yaml
from ruletools.house.files import RULES
from ruletools.house.loading import load_files

YESTERDAY = Path(__file__).parent / "yesterday.rules.yml"
WHOLE = "whole"
FILE = f"{WHOLE}.rules.yml"


@dataclass(frozen=True)
class RuleSet:
    """Rules that are evaluated one after the other, and which of them belong together: {group: how many}."""

    name: str
    groups: Mapping[str, int]
    text: str

    def by_group(self, seconds: Sequence[float]) -> dict[str, float]:
        """What the rules of each group took, from what each rule took in their order."""
        rules = iter(seconds)
        return {group: sum(islice(rules, count)) for group, count in self.groups.items()}


def of_the_project() -> list[RuleSet]:
    """The project's rules as they are installed come first, what they may cost second."""
    ours = [group for path in rule_files(RULES) for group in read(path)["groups"]]
    yesterday = read_yaml(YESTERDAY.read_text(encoding="utf-8"))["groups"]
    return [
        _one_after_the_other("the rules as they are", ours),
        _one_after_the_other("the rules of yesterday", yesterday),
        _one_after_the_other("as many rules that read nothing", _empty()),
    ]


def _one_after_the_other(name: str, groups: Sequence[Mapping[str, Any]]) -> RuleSet:
    counts = {str(group["name"]): len(group["rules"]) for group in groups}
    if len(counts) != len(groups):
        raise UserError(f"{name}: expected each group once, found {[group['name'] for group in groups]}")
    rules = [rule for group in groups for rule in group["rules"]]
    return RuleSet(name, counts, dump([{"name": WHOLE, "rules": rules}]))


def _empty() -> list[dict[str, object]]:
    count = sum(len(file.rules) for file in load_files())
    rules = [{"record": f"bench:empty:{number}", "expr": "vector(1)"} for number in range(count)]
    return [{"name": "empty", "rules": rules}]
