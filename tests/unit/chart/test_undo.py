"""What the daemon runs brings a deployment to the version that is named, with no rights but the Role's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools import chart
from devtools.cluster_tools import cluster_tool
from monitoring.yaml_text import read_yaml
from tests.unit.chart.matrix import objects
from tests.unit.chart.stand_in import ROLLOUT, Cluster, serving

pytestmark = pytest.mark.slow
UNDO = chart.CHART / "files" / "undo.py"
NAME = "mita-backend"


def role(values: str) -> list[Any]:
    """The rules of the daemon's Role."""
    found: list[Any] = objects(values).get("Role", "mita-monitoring-rollback")["rules"]
    return found


class Run:
    """The executor's program, as the chart has the daemon start it."""

    def __init__(self, cluster: Cluster, place: Path, values: str = "prod") -> None:
        self.cluster, self._place, self.events = cluster, place, place / "events.jsonl"
        found = objects(values).get("ConfigMap", "mita-monitoring-rollback")["data"]["settings.yml"]
        self._executor = read_yaml(found)["executor"]
        tools = place / "tools"
        tools.mkdir()
        (tools / "kubectl").symlink_to(cluster_tool("kubectl"))

    def __call__(self, to: str, *, rehearse: bool = False) -> subprocess.CompletedProcess[str]:
        argv = self._executor["rehearsal_argv" if rehearse else "argv"]
        filled = [part.replace("{service}", NAME).replace("{to_version}", to) for part in argv]
        assert filled[:3] == ["python3", "-P", "/etc/mita-rollback/executor/undo.py"]
        with serving(self.cluster) as address:
            config = self._place / "kubeconfig"
            config.write_text(
                json.dumps(
                    {
                        "apiVersion": "v1",
                        "kind": "Config",
                        "clusters": [{"name": "c", "cluster": {"server": address}}],
                        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
                        "current-context": "c",
                    }
                )
            )
            environment = {
                "PATH": f"{self._place / 'tools'}:{os.environ['PATH']}",
                "HOME": str(self._place),
                "KUBECONFIG": str(config),
                "MITA_ROLLBACK_EVENTS": str(self.events),
            }
            program = [sys.executable, "-P", str(UNDO), *filled[3:]]
            return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    def steps(self) -> list[tuple[str, str]]:
        """What it told of."""
        lines = self.events.read_text().splitlines() if self.events.exists() else []
        return [(one["step"], one["status"]) for one in map(json.loads, lines)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Three releases were live, the last one is."""
    yield Run(Cluster("mita", NAME, ["1.0.0", "1.1.0", "2.0.0"], role("prod")), tmp_path)


def test_it_goes_to_the_version_that_is_named_with_exactly_the_rights_of_the_role(run: Run) -> None:
    """Not to the one before, as `rollout undo` alone would."""
    done = run("1.0.0")
    assert done.returncode == 0, done.stderr
    assert run.cluster.live() == "1.0.0"
    assert run.cluster.refused == []
    assert run.cluster.deployment["status"]["availableReplicas"] == 2
    used = {(verb, resource) for verb, resource, _ in run.cluster.asked}
    allowed = {
        (verb, resource) for rule in role("prod") for verb in rule["verbs"] for resource in rule["resources"]
    }
    assert used == allowed
    assert {name for _, resource, name in run.cluster.asked if resource == "deployments"} == {NAME}


def test_a_rehearsal_touches_nothing_and_proves_the_right_to_patch(run: Run) -> None:
    done = run("1.0.0", rehearse=True)
    assert done.returncode == 0, done.stderr
    assert run.cluster.live() == "2.0.0"
    assert run.steps() == [("live", "2.0.0"), ("rehearsal", "ok")]
    assert ("patch", "deployments", NAME) in run.cluster.asked


def test_a_version_whose_replica_set_is_gone_is_said(run: Run) -> None:
    done = run("0.9.0", rehearse=True)
    assert done.returncode == 1
    assert "expected a revision of deployment mita-backend with version 0.9.0, found none" in done.stderr
    assert run.steps()[-1] == ("rehearsal", "failed")


def test_what_is_there_already_is_left_alone(run: Run) -> None:
    assert run("2.0.0").returncode == 0
    assert not any(verb == "patch" for verb, _, _ in run.cluster.asked)


def test_without_the_right_it_fails_and_says_so(run: Run) -> None:
    run.cluster.rules = [{**rule, "verbs": ["get", "list"]} for rule in run.cluster.rules]
    done = run("1.0.0", rehearse=True)
    assert done.returncode == 1
    assert "not allowed by the Role" in done.stderr
    assert run.cluster.live() == "2.0.0"


@pytest.fixture
def argo(tmp_path: Path) -> Run:
    """The same of a Rollout."""
    versions = ["1.0.0", "1.1.0", "2.0.0"]
    return Run(Cluster("mita", NAME, versions, role("rollout"), ROLLOUT), tmp_path, "rollout")


def test_a_rollout_of_argo_becomes_what_its_revision_was(argo: Run) -> None:
    before = argo.cluster.deployment["spec"]["template"]
    done = argo("1.0.0")
    assert done.returncode == 0, done.stderr
    after = argo.cluster.deployment["spec"]["template"]
    assert argo.cluster.live() == "1.0.0"
    assert after["metadata"]["labels"].keys() == before["metadata"]["labels"].keys()
    assert after["spec"] != before["spec"]
    assert argo.cluster.deployment["status"]["phase"] == "Healthy"
    assert argo.cluster.refused == []
    used = {(verb, resource) for verb, resource, _ in argo.cluster.asked}
    assert used == {
        (verb, resource)
        for rule in role("rollout")
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }


def test_a_rehearsal_of_a_rollout_touches_nothing_and_proves_the_right_to_patch(argo: Run) -> None:
    done = argo("1.0.0", rehearse=True)
    assert done.returncode == 0, done.stderr
    assert argo.cluster.live() == "2.0.0"
    assert ("patch", "rollouts", NAME) in argo.cluster.asked
    argo.cluster.rules = [{**rule, "verbs": ["get", "list"]} for rule in argo.cluster.rules]
    assert "not allowed by the Role" in argo("1.0.0", rehearse=True).stderr


def test_a_rollout_whose_pods_are_another_objects_is_refused_in_words(argo: Run) -> None:
    argo.cluster.deployment["spec"] = {"replicas": 2, "workloadRef": {"kind": "Deployment", "name": NAME}}
    done = argo("1.0.0")
    assert done.returncode == 1
    assert "expected spec.template in rollout mita-backend, found none" in done.stderr
