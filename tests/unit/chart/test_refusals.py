"""What cannot work is refused in words, before anything is sent."""

from typing import Any

import pytest

from devtools import chart

pytestmark = pytest.mark.slow
SMALL = chart.CHART / "values.small.yaml"


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
        "rollback.executor.tools.image.repository: expected the image",
        "rollback.settings.listen_port: expected no such setting",
        "exporters.redis.address: expected the server",
        "ingress.tlsSecret: expected the Secret",
        "ingress.hosts.prometheus: expected ingress.asksWhoComes: true",
        "ingress.hosts.grafana: expected grafana.enabled: true",
    ):
        assert words in said


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
