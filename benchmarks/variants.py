"""The rule sets that are evaluated on the same data: the project's own, and what it is compared with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.server import dump
from monitoring.rule_files import read, rule_files
from ruletools.house.files import RULES
from ruletools.house.loading import load_files

Files = Mapping[str, str]
YESTERDAY = Path(__file__).parent / "yesterday.rules.yml"


def of_the_project() -> dict[str, Files]:
    """{name: rule files}; the project's rules as they are installed come first, what they may cost second."""
    return {
        "the rules as they are": {path.name: _at_one_pace(read(path)) for path in rule_files(RULES)},
        "the rules of yesterday": {YESTERDAY.name: YESTERDAY.read_text(encoding="utf-8")},
        "as many rules that read nothing": {"empty.rules.yml": dump(_empty())},
    }


def _at_one_pace(document: Mapping[str, Any]) -> str:
    """Every group in every round: a round is a full evaluation."""
    return dump([{key: group[key] for key in ("name", "rules")} for group in document["groups"]])


def groups(files: Files) -> dict[str, int]:
    """{"file;group": how many rules it has}, named as Prometheus names groups in its metrics."""
    return {
        f"{name};{group['name']}": len(group["rules"])
        for name, text in files.items()
        for group in yaml.safe_load(text)["groups"]
    }


def _empty() -> list[dict[str, object]]:
    count = sum(len(file.rules) for file in load_files())
    rules = [{"record": f"bench:empty:{number}", "expr": "vector(1)"} for number in range(count)]
    return [{"name": "empty", "rules": rules}]
