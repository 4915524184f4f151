"""What matters most of the production values: rights, who may ask whom, and how each is started.

A change that is meant: `python -m tests.unit.chart.test_golden` writes the file anew, to be reviewed.
"""

import json
from typing import Any

import pytest

from devtools import pods
from devtools.paths import REPO
from tests.unit.chart.matrix import objects

FILE = REPO / "tests" / "unit" / "chart" / "golden" / "prod.json"


def summary() -> dict[str, Any]:
    """The parts of the objects that a reviewer must see change."""
    found = objects("prod")
    return {
        "rights": {_name(one): one["rules"] for one in found.of("Role")},
        "asked by": {
            _name(one): [
                peer.get("podSelector", {})
                .get("matchLabels", {})
                .get("app.kubernetes.io/component", "others")
                for rule in one["spec"]["ingress"]
                for peer in rule["from"]
            ]
            for one in found.of("NetworkPolicy")
        },
        "started": {
            f"{_name(workload)} {one['name']}": [one["image"], *one.get("command", []), *one.get("args", [])]
            for workload in found.of(*pods.WORKLOADS)
            for one in pods.containers(workload)
        },
    }


@pytest.mark.slow
def test_the_production_values_are_what_was_reviewed() -> None:
    assert summary() == json.loads(FILE.read_text(encoding="utf-8"))


def _asker(peer: Any) -> str:
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    return str(labels.get("app.kubernetes.io/component", "others"))


def _name(one: Any) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


if __name__ == "__main__":
    FILE.write_text(json.dumps(summary(), indent=1) + "\n", encoding="utf-8")
