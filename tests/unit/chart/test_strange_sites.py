"""Values that are strange and allowed arrive as they were said."""

import subprocess

import kubernetes_validate
import pytest

from devtools import chart, pods
from devtools.cluster_tools import cluster_tool
from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from tests.unit.chart.matrix import PROD, SECRETS

pytestmark = pytest.mark.slow
ODD = "on: 1 $1"


@pytest.fixture(scope="module")
def strange() -> pods.Objects:
    """The production values with odd names, under the longest name of a release."""
    values = {
        "environment": ODD,
        "secret": {"name": "123"},
        "prometheus": {"discovery": {"mita-backend": {"namespace": "1", "service": ODD}}},
        "rollback": {"executor": {"namespace": "2"}},
        "ingress": {"className": "3", "tlsSecret": "4", "hosts": {"grafana": "5"}},
    }
    found = chart.rendered(PROD, values=values, name="a" * 53)
    return pods.Objects([*found, pods.secret("123", SECRETS)])


def test_what_looks_like_a_number_stays_a_name(strange: pods.Objects) -> None:
    for one in strange.all:
        kubernetes_validate.validate(dict(one), "1.31", strict=True)
    assert {role["metadata"]["namespace"] for role in strange.of("Role")} == {"1", "2"}
    (entrance,) = strange.of("Ingress")
    assert entrance["spec"]["ingressClassName"] == "3"


def test_names_stay_short_enough(strange: pods.Objects) -> None:
    assert max(len(one["metadata"]["name"]) for one in strange.of("StatefulSet")) <= 52
    assert max(len(one["metadata"]["name"]) for one in strange.all) <= 63


def test_labels_are_the_text_that_was_said(strange: pods.Objects) -> None:
    found = strange.of("StatefulSet")
    (prometheus,) = (one for one in found if one["metadata"]["name"].endswith("-prometheus"))
    files = strange.volume(pods.pod(prometheus), "config")
    (job, *_) = read_yaml(files["prometheus.yml"])["scrape_configs"]
    steps = [one for one in job["relabel_configs"] if "target_label" in one]
    set_to = {one["target_label"]: one.get("replacement") for one in steps}
    assert set_to["env"] == set_to["service"] == "on: 1 $$1"
    (entry, *_) = read_yaml(files["targets/prometheus.yml"])
    assert entry["labels"]["env"] == ODD


def test_a_second_release_beside_the_first_shares_nothing() -> None:
    names = [
        {(one["kind"], one["metadata"]["name"]) for one in chart.rendered(PROD, name=name)}
        for name in ("mita-monitoring", "second")
    ]
    assert not names[0] & names[1]


def test_helm_itself_reads_the_seeds_command() -> None:
    """`helm upgrade --install` as the requirements print it, up to the cluster that is not there."""
    argv = ["upgrade", "--install", "mita-monitoring", "./k8s/monitoring", "--namespace", "monitoring"]
    argv += ["--values", "k8s/monitoring/values.prod.yaml", "--kube-apiserver", "http://127.0.0.1:9"]
    done = subprocess.run(
        [str(cluster_tool("helm")), *argv],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Kubernetes cluster unreachable" in done.stderr
