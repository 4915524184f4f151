"""What cannot work is refused in words, before anything is sent."""

import json
from typing import Any

import pytest

from devtools import chart
from monitoring.yaml_text import read_yaml

pytestmark = pytest.mark.slow
SMALL = chart.CHART / "values.small.yaml"
CREDENTIALS = {"authorization": {"credentials_file": "/etc/prometheus/secrets/bearer"}}


def test_the_bare_defaults_say_all_that_a_site_must_say() -> None:
    with pytest.raises(chart.RefusedError) as refused:
        chart.rendered()
    said = str(refused.value)
    for switch in (
        "alertmanager.mail",
        "alertmanager.deadMan",
        "image.repository",
        "rollback.executor.services",
        "rollback.executor.namespace",
        "prometheus.discovery",
    ):
        assert f"{switch}: expected" in said


def test_what_has_a_wrong_name_or_type_is_refused_by_the_schema() -> None:
    values: dict[str, Any] = {
        "unknown": 1,
        "prometheus": {"replica": 2, "replicas": 3, "retention": "30 days", "storage": {"size": "much"}},
        "alertmanager": {"replicas": 4, "without": {"telephone": "we have none"}},
        "rollback": {"database": "postgresql", "executor": {"services": {"shop": {}}}},
        "ingress": {"enabled": "yes"},
    }
    said = _refused(values)
    for words in (
        "Additional property unknown is not allowed",
        "prometheus: Additional property replica is not allowed",
        "prometheus.replicas: Must be less than or equal to 2",
        "prometheus.retention: Does not match pattern",
        "prometheus.storage.size: Does not match pattern",
        "alertmanager.replicas must be one of the following: 1, 2, 3, 5",
        "alertmanager.without: Additional property telephone is not allowed",
        'rollback.database must be one of the following: "sqlite"',
        "rollback.executor.services.shop: probe is required",
        "ingress.enabled: Invalid type. Expected: boolean, given: string",
    ):
        assert words in said


def test_what_cannot_work_together_is_refused_in_one_go() -> None:
    values: dict[str, Any] = {
        "image": {"tag": ""},
        "prometheus": {"image": {"tag": "latest"}, "targets": {"mita-backend": [{"targets": ["a:1"]}]}},
        "alertmanager": {"mail": {"to": "a@b.c"}},
        "rollback": {
            "executor": {"namespace": "", "kind": "helm", "tools": {"image": {"repository": ""}}},
            "settings": {"listen_port": 1},
        },
        "exporters": {"redis": {"enabled": True}},
        "ingress": {"enabled": True, "hosts": {"prometheus": "p.example.org", "grafana": "g.example.org"}},
    }
    said = _refused(values)
    for words in (
        'docker.io/prom/prometheus: expected a tag other than latest, or a digest, found "latest"',
        'registry.mita.finance/mita-monitoring: expected a tag other than latest, or a digest, found ""',
        "prometheus.discovery.mita-backend: expected a job to be found or to be listed",
        "alertmanager.mail.from: expected a text, found none",
        "alertmanager.without.mail: expected it or what it says is not there, found both",
        "rollback.executor.namespace: expected the namespace",
        "rollback.executor.rules: expected what may be done",
        "rollback.executor.tools.image.repository: expected where the image is",
        "rollback.settings.listen_port: expected no such setting",
        "exporters.redis.address: expected the server",
        "ingress.tlsSecret: expected the Secret",
        "ingress.hosts.prometheus: expected ingress.asksWhoComes: true",
        "ingress.hosts.grafana: expected grafana.enabled: true",
    ):
        assert words in said


def test_what_kubernetes_or_prometheus_would_refuse_is_refused_before() -> None:
    labels = {"a b": "x,y"}
    values: dict[str, Any] = {
        "environment": "a\nb",
        "imagePullSecrets": [{"nam": "registry"}],
        "prometheus": {
            "image": {"repository": "docker.io/prom/prometheus:v2.53.3"},
            "retention": "12h1d",
            "storage": {"size": "0Gi"},
            "externalUrl": "https://u:planted@p.example.org",
            "externalLabels": {"a-b": "$HOME"},
            "targets": {"node": [{"targets": ["a b:1", "c:1", "c:1"], "labels": {"a-b": "x"}}], "redis": []},
            "discovery": {"mita-backend": {"namespace": "mita", "selector": labels, "port": 1}},
            "scrapes": {"mita-backend": {"schem": "https"}},
            "secretKeys": [".."],
            "resources": {"limit": {"memory": "1Gi"}, "limits": {"memory": "lots"}},
            "tolerations": [{"keyy": "x"}],
            "affinity": {"podAfinity": {}},
            "nodeSelector": labels,
        },
        "alertmanager": {
            "daemonUrl": "https://api.mita.finance/api/admin/rollback/trigger",
            "timezone": "Mars Base",
            "mail": {"to": "x y@z", "from": "a@b\nc", "smarthost": "host"},
        },
        "rollback": {
            "settings": {"tirggers": {}},
            "executor": {
                "services": {"a b": {"probe": "https://u:planted@x/"}},
                "rules": [{"apiGroups": "apps", "resources": [], "verbs": ["get"]}],
            },
        },
        "exporters": {
            "postgres": {"address": "postgresql://u:planted@h:5432/x"},
            "redis": {"address": "redis://:planted@h:6379"},
        },
        "networkPolicy": {"from": [{"podSelecto": {}}]},
        "ingress": {"tlsSecret": "A B", "hosts": {"rollback": "x..y"}},
    }
    said = _refused(values)
    for name in (
        "environment",
        *("imagePullSecrets.0", "prometheus.image.repository", "prometheus.retention"),
        *("prometheus.storage.size", "prometheus.externalUrl", "prometheus.externalLabels"),
        *("prometheus.externalLabels.a-b", "prometheus.targets.node.0.targets.0"),
        *(
            "prometheus.targets.node.0.targets",
            "prometheus.targets.node.0.labels",
            "prometheus.targets.redis",
        ),
        *("prometheus.discovery.mita-backend.selector", "prometheus.scrapes.mita-backend"),
        *("prometheus.secretKeys.0", "prometheus.resources", "prometheus.resources.limits.memory"),
        *("prometheus.tolerations.0", "prometheus.affinity", "prometheus.nodeSelector"),
        *("alertmanager.daemonUrl", "alertmanager.timezone", "alertmanager.mail.to"),
        *("alertmanager.mail.from", "alertmanager.mail.smarthost", "rollback.settings"),
        *("rollback.executor.services", "rollback.executor.services.a b.probe"),
        *("rollback.executor.rules.0.apiGroups", "rollback.executor.rules.0.resources"),
        *("exporters.postgres.address", "exporters.redis.address", "networkPolicy.from.0"),
        *("ingress.tlsSecret", "ingress.hosts.rollback"),
    ):
        assert f"- {name}: " in said, name
    assert "planted" not in said


def test_what_is_taken_away_is_missed_by_its_name() -> None:
    """A null in a file of values takes a default away."""
    schema = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = read_yaml((chart.CHART / "values.yaml").read_text(encoding="utf-8"))
    said = _refused(dict.fromkeys(schema["required"]))
    assert [name for name in schema["required"] if f"(root): {name} is required" not in said] == []
    parts = ("prometheus", "alertmanager", "grafana", "rollback", "ingress", "exporters")
    inner = {name: schema["properties"][name]["required"] for name in parts}
    said = _refused({name: dict.fromkeys(names) for name, names in inner.items()})
    missed = [f"{part}: {name} is required" for part, names in inner.items() for name in names]
    assert [words for words in missed if words not in said] == []
    left: dict[str, Any] = {
        part: {name: None for name in defaults[part] if name not in inner[part]} for part in parts
    }
    left["prometheus"] |= {"targets": {"mita-backend": [{"targets": ["app:8080"]}]}}
    assert chart.rendered(SMALL, values=left)


def test_no_secret_may_stand_in_the_values() -> None:
    values: dict[str, Any] = {
        "prometheus": {
            "targets": {"blackbox-public": [{"targets": ["https://u:planted@api.example.org/"]}]},
            "scrapes": {
                "mita-backend": {"authorization": {"credentials": "planted"}},
                "node": {"basic_auth": {"username": "u", "password": "planted"}},
            },
        },
        "rollback": {"settings": {"prometheus_url": "http://u:planted@prometheus:9090"}},
    }
    said = _refused(values)
    for name in (
        "prometheus.targets.blackbox-public.targets",
        "prometheus.scrapes.mita-backend.authorization.credentials",
        "prometheus.scrapes.node.basic_auth.password",
        "rollback.settings.prometheus_url",
    ):
        assert f"{name}: expected" in said
    assert "planted" not in said


def test_what_nobody_would_ask_or_hear_is_refused() -> None:
    values: dict[str, Any] = {
        "imagesByDigest": True,
        "prometheus": {
            "replicas": 2,
            "image": {"repository": ""},
            "externalLabels": {"replica": "x"},
            "targets": {
                "mita-bakend": [{"targets": ["a:1"]}],
                "node": [{"targets": ["https://a:1"]}],
                "blackbox-http": [{"targets": ["a:1"]}],
            },
            "scrapes": {"mita-frontend": {"scheme": "https"}, "node": CREDENTIALS},
        },
        "alertmanager": {"without": {"slack": "none here"}},
        "rollback": {"executor": {"tools": {"programs": ["/usr/bin/helm"]}}},
        "ingress": {"enabled": True, "tlsSecret": "t", "hosts": {"rollback": "x.y", "alertmanager": "x.y"}},
    }
    said = _refused(values)
    for words in (
        "image.digest: expected one, since imagesByDigest is true, found none",
        "rollback.executor.tools.image.digest: expected one",
        "prometheus.image.repository: expected where the image is",
        "prometheus.externalLabels.replica: expected no such label",
        "prometheus.targets.mita-bakend: expected a job of prometheus.yml",
        "prometheus.targets.node: expected HOST:PORT, found https://a:1",
        "prometheus.targets.blackbox-http: expected an address such as https://",
        "prometheus.scrapes.mita-frontend: expected a job of prometheus.yml",
        "prometheus.secretKeys: expected bearer, since a scrape reads /etc/prometheus/secrets/bearer",
        "alertmanager.without: expected somebody who is told",
        "rollback.executor.tools.programs: expected kubectl among them",
        "ingress.hosts: expected a name of its own for each, found x.y, x.y",
    ):
        assert words in said
    said = _refused({"alertmanager": {"enabled": False}})
    assert "prometheus.targets.alertmanager: expected the addresses of the Alertmanager" in said


def test_files_of_another_state_of_the_native_ones_are_refused() -> None:
    said = _refused({"files": {"rules/own.rules.yml": "groups: []"}, "filesOf": "0" * 64})
    assert "filesOf: expected files that were made of the monitoring/ of this chart" in said
    said = _refused({"files": {"secrets/x": "", "rules/../x.rules.yml": ""}, "filesOf": "yesterday"})
    for words in ("secrets/x", "rules/../x.rules.yml", "filesOf: Does not match pattern"):
        assert words in said


def test_what_is_left_out_is_missed_where_it_is_needed() -> None:
    values: dict[str, Any] = {
        "prometheus": {"enabled": False},
        "rollback": {"executor": {"kind": "command"}},
        "ingress": {"enabled": True, "tlsSecret": "t"},
    }
    said = _refused(values)
    for words in (
        "prometheusRule.enabled: expected true",
        "rollback.settings.prometheus_url: expected where the daemon asks",
        "rollback.executor.argv: expected the program",
        "ingress.hosts: expected at least one name",
    ):
        assert words in said


def _refused(values: dict[str, Any]) -> str:
    with pytest.raises(chart.RefusedError) as refused:
        chart.rendered(SMALL, values=values)
    return str(refused.value)
