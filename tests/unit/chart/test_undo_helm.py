"""`helm rollback` brings a release to the version that is named, with no rights but the Role's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools import chart
from devtools.cluster_tools import cluster_tool
from monitoring.yaml_text import read_yaml
from tests.unit.chart.helm_stand_in import HelmCluster
from tests.unit.chart.matrix import PROD
from tests.unit.chart.stand_in import VERSION, serving

pytestmark = pytest.mark.slow
UNDO = chart.CHART / "files" / "undo.py"
NAME, VERSIONS = "mita-backend", ("1.0.0", "1.1.0", "2.0.0")
RULES = [
    {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [NAME], "verbs": ["get", "patch"]},
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["list"]},
]
"""What docs/kubernetes.md says for a release that is one Deployment."""


def told() -> tuple[list[Any], dict[str, list[str]]]:
    """The rules of the daemon's Role, and its executor."""
    executor = {"kind": "helm", "rules": RULES, "tools": {"programs": ["/usr/bin/helm"]}}
    found = chart.rendered(PROD, values={"rollback": {"executor": executor}})
    (role,) = (
        one for one in found if one["kind"] == "Role" and one["metadata"]["name"].endswith("-rollback")
    )
    (config,) = (one for one in found if "settings.yml" in one.get("data", {}))
    return role["rules"], read_yaml(config["data"]["settings.yml"])["executor"]


def application(place: Path, version: str) -> Path:
    """A chart of one Deployment, in a version."""
    place = place / version
    (place / "templates").mkdir(parents=True)
    labels = {"app": NAME, VERSION: version}
    image = f"registry.example.org/{NAME}:{version}"
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": NAME}}, "template": pod},
    }
    (place / "templates" / "app.yaml").write_text(json.dumps(deployment))
    known = {"apiVersion": "v2", "name": NAME, "version": version, "appVersion": version}
    (place / "Chart.yaml").write_text(json.dumps(known))
    return place


def test_a_release_goes_to_the_version_that_is_named_with_exactly_the_rights_of_the_role(
    tmp_path: Path,
) -> None:
    rules, executor = told()
    cluster = HelmCluster("mita")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "helm").symlink_to(cluster_tool("helm"))
    with serving(cluster) as address:
        environment = {
            "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "HELM_KUBEAPISERVER": address,
        }

        def run(*argv: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

        def undo(to: str, how: str = "argv") -> subprocess.CompletedProcess[str]:
            filled = [part.replace("{service}", NAME).replace("{to_version}", to) for part in executor[how]]
            return run(sys.executable, "-P", str(UNDO), *filled[3:])

        for version in VERSIONS:
            place = str(application(tmp_path, version))
            how = ("--install", "--namespace=mita", "--disable-openapi-validation")
            done = run("helm", "upgrade", NAME, place, *how)
            assert done.returncode == 0, done.stderr
        cluster.rules, cluster.asked = rules, []

        done = undo("1.0.0", "rehearsal_argv")
        assert done.returncode == 0, done.stderr
        assert cluster.live(NAME) == "2.0.0"

        done = undo("0.9.0")
        assert "expected a revision of release mita-backend with appVersion 0.9.0, found none" in done.stderr

        done = undo("1.0.0")
        assert done.returncode == 0, done.stderr
        assert cluster.live(NAME) == "1.0.0"
        assert cluster.refused == []
        used = {(verb, resource) for verb, resource, _ in cluster.asked}
        allowed = {(verb, one) for rule in rules for verb in rule["verbs"] for one in rule["resources"]}
        assert used == allowed - {("delete", "secrets")}  # only of the eleventh revision
