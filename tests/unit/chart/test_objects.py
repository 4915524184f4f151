"""What the chart renders is what Kubernetes takes, and what the restricted profile of pods asks for."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate.utils
import pytest

from devtools import pods
from tests.unit.chart.matrix import VALUES, objects

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("values", VALUES)]
OPERATOR = "monitoring.coreos.com/v1"
VERSION = "1.31"
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)
LARGEST_APPLIED = 262_144
"""Bytes of an object that kubectl apply writes into an annotation."""
LONGEST_STATEFUL = 52
"""A StatefulSet's pods carry its name with the hash of a revision as a label."""


def workloads(values: str) -> Iterator[Any]:
    yield from objects(values).of(*pods.WORKLOADS)


def test_each_object_is_of_its_schema(values: str) -> None:
    for one in objects(values).all:
        if one["apiVersion"] != OPERATOR:
            _validate(json.dumps(one))
    known = [one for one in objects(values).all if one["apiVersion"] == OPERATOR]
    assert bool(known) == (values == "operator")


def test_names_and_sizes_fit(values: str) -> None:
    for one in objects(values).all:
        longest = LONGEST_STATEFUL if one["kind"] == "StatefulSet" else 63
        assert len(one["metadata"]["name"]) <= longest
        assert len(json.dumps(one)) < LARGEST_APPLIED, one["metadata"]["name"]


def test_pods_keep_to_the_restricted_profile(values: str) -> None:
    for workload in workloads(values):
        pod = pods.pod(workload)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "projected", "emptyDir"}
        for one in pods.containers(workload):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(one["resources"]["requests"])
            assert "memory" in one["resources"]["limits"]


def test_what_serves_has_probes(values: str) -> None:
    for workload in workloads(values):
        for one in pods.pod(workload)["containers"]:
            if "ports" in one:
                assert {"livenessProbe", "readinessProbe"} <= set(one), one["name"]


def test_everything_that_is_named_is_there(values: str) -> None:
    """Volumes, mounts, accounts, services and the pods that these select."""
    found = objects(values)
    for workload in workloads(values):
        pod = pods.pod(workload)
        claims = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {one["name"] for one in pod.get("volumes", [])}
        for one in pods.containers(workload):
            assert {mount["name"] for mount in one.get("volumeMounts", [])} <= volumes | claims
        for volume in pod.get("volumes", []):
            if "emptyDir" not in volume:
                assert found.volume(pod, volume["name"])
        if "serviceAccountName" in pod:
            found.get("ServiceAccount", pod["serviceAccountName"])
        if workload["kind"] == "StatefulSet":
            found.get("Service", workload["spec"]["serviceName"])
    for service in found.of("Service"):
        assert any(_selects(service["spec"]["selector"], workload) for workload in workloads(values))


def test_no_secret_stands_in_an_object(values: str) -> None:
    found = [one for one in objects(values).all if one["kind"] != "Secret"]
    assert len(found) == len(objects(values).all) - 1
    for workload in workloads(values):
        names = {variable["name"] for one in pods.containers(workload) for variable in one.get("env", [])}
        assert not any(name.endswith(("PASSWORD", "SECRET", "TOKEN", "KEY")) for name in names)


def test_a_token_goes_only_to_who_has_a_role(values: str) -> None:
    bound = {
        subject["name"] for binding in objects(values).of("RoleBinding") for subject in binding["subjects"]
    }
    for workload in workloads(values):
        pod = pods.pod(workload)
        assert pod["automountServiceAccountToken"] == (pod.get("serviceAccountName") in bound)
    assert not objects(values).of("ClusterRole", "ClusterRoleBinding")


@cache  # many an object is the same for several sets of values
def _validate(text: str) -> None:
    kubernetes_validate.validate(json.loads(text), VERSION, strict=True)


def _selects(selector: dict[str, str], workload: Any) -> bool:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return selector.items() <= labels.items()
