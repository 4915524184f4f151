"""Counts what rule sets have: alerts, how many a unit test expects to fire, runbooks, and the mutation score.

`python -m benchmarks.rules_comparison NAME RULES.yml... [--tests TESTS.yml...] [--runbooks DIR]` prints a
line of JSON for a set of rule files in Prometheus' own format. `--mutate N` also tries N of the mutants
that `harness rules mutate` would make of these rules (all of them with 0) against the set's own tests.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from devtools.system import say
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml
from ruletools.mutation.mutants import Mutant, mutants
from ruletools.programs import promtool

Document = dict[str, Any]


def main() -> int:
    """One line of JSON on the terminal."""
    arguments = _arguments()
    documents = [_read(path) for path in arguments.rules]
    alerts = {rule["alert"]: rule for rule in _rules(documents) if "alert" in rule}
    tested = {name for path in arguments.tests for name in _expected(_read(path))} & alerts.keys()
    linked = {name: _runbook(rule) for name, rule in alerts.items() if _runbook(rule)}
    found: Document = {
        "set": arguments.name,
        "alerts": len(alerts),
        "recordings": sum("record" in rule for rule in _rules(documents)),
        "unit_tested": len(tested),
        "runbook_link": len(linked),
    }
    if arguments.runbooks:
        pages = {path.stem.lower() for path in arguments.runbooks.rglob("*.md")}
        found["runbook_page"] = sum(_page(link) in pages for link in linked.values())
    if arguments.mutate is not None:
        found |= _score(documents, arguments.tests, arguments.mutate)
    if arguments.names:
        found["names"] = sorted(alerts)
    say(json.dumps(found))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.rules_comparison", description=__doc__)
    parser.add_argument("name", help="what the set is called")
    parser.add_argument("rules", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="*", type=Path, default=[], help="promtool's unit tests of the set")
    parser.add_argument("--runbooks", type=Path, metavar="DIR", help="where the pages are: ALERT.md")
    parser.add_argument("--mutate", type=int, metavar="N", help="try N mutants, all of them with 0")
    parser.add_argument("--names", action="store_true", help="list the alerts as well")
    return parser.parse_args()


def _read(path: Path) -> Document:
    """A rule or test file; of a Kubernetes resource only what it wraps."""
    document: Document = read_yaml(path.read_text(encoding="utf-8"))
    wrapped: Document = document.get("spec", document)
    return wrapped


def _rules(documents: list[Document]) -> Iterator[Document]:
    for document in documents:
        for group in document["groups"]:
            yield from group["rules"]


def _expected(tests: Document) -> Iterator[str]:
    """Alerts that a test expects to fire; to expect only silence proves nothing."""
    for group in tests["tests"]:
        for check in group.get("alert_rule_test", []):
            if check.get("exp_alerts"):
                yield check["alertname"]


def _runbook(rule: Document) -> str:
    return str(rule.get("annotations", {}).get("runbook_url", ""))


def _page(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2].rpartition("#")[2].removesuffix(".md").lower()


def _score(documents: list[Document], tests: list[Path], limit: int) -> Document:
    """How many mutants the set's own unit tests notice; a fixed choice of them where there are too many."""
    made = list(_mutants(documents))
    chosen = random.Random(7).sample(made, limit) if 0 < limit < len(made) else made  # noqa: S311
    if not _passes(documents, tests):
        return {"mutants": len(made), "killed": None, "why": "its own tests fail with this promtool"}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        survived = sum(pool.map(lambda mutant: _passes(_with(documents, mutant), tests), chosen))
    return {"mutants": len(made), "tried": len(chosen), "killed": len(chosen) - survived}


def _mutants(documents: list[Document]) -> Iterator[tuple[Document, Mutant]]:
    for rule in _rules(documents):
        try:
            yield from ((rule, mutant) for mutant in mutants(rule))
        except (CatalogError, KeyError) as error:
            sys.stderr.write(f"{rule.get('alert') or rule.get('record')}: left out: {error}\n")


def _with(documents: list[Document], change: tuple[Document, Mutant]) -> list[Document]:
    rule, mutant = change
    return [
        {
            "groups": [
                {**group, "rules": [mutant.mutated if each is rule else each for each in group["rules"]]}
                for group in document["groups"]
            ]
        }
        for document in documents
    ]


def _passes(documents: list[Document], tests: list[Path]) -> bool:
    with tempfile.TemporaryDirectory(prefix="rules-") as directory:
        place = Path(directory)
        names = [f"{number}.rules.yml" for number in range(len(documents))]
        for name, document in zip(names, documents, strict=True):
            (place / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        for number, path in enumerate(tests):
            text = yaml.safe_dump({**_read(path), "rule_files": names}, sort_keys=False)
            (place / f"{number}.test.yml").write_text(text, encoding="utf-8")
        return promtool("test", "rules", *sorted(place.glob("*.test.yml"))).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
