"""A Prometheus that is an agent: what it is told, what its site may not have, what its store takes."""

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from monitoring import agent_mode
from monitoring.yaml_text import read_yaml
from roles.program.module_utils.mita_target import stores
from roles.prometheus.filter_plugins.mita_agent import content_for, problems
from roles.prometheus.filter_plugins.mita_prometheus import prometheus_files

CONTENT = str(REPO / "monitoring")
STORE = {"url": "https://store.example.org/push"}
AGENT = {"prometheus_mode": "agent"}
URL = "http://store:9090/write"
METRICS = f"""# HELP prometheus_remote_storage_highest_timestamp_in_seconds Highest timestamp
prometheus_remote_storage_highest_timestamp_in_seconds {{measured}}
prometheus_remote_storage_samples_pending{{{{remote_name="a",url="{URL}"}}}} 2976
prometheus_remote_storage_samples_total{{{{remote_name="a",url="{URL}"}}}} 100
"""
TAKEN = f'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{{remote_name="a",url="{URL}"}} '
"""Which is not there before something was taken."""


def rendered(mode: str, overrides: Mapping[str, Any] | None = None, **own: Any) -> dict[str, dict[str, Any]]:
    files = content_for(prometheus_files(CONTENT, own=own, overrides=overrides), mode)
    return {file["path"]: read_yaml(file["content"]) for file in files}


def test_an_agent_scrapes_as_a_server_does_and_has_neither_rules_nor_alerts() -> None:
    own: dict[str, Any] = {"stores": [STORE], "labels": {"replica": "watch1"}}
    server, agent = rendered("server", **own), rendered("agent", **own)

    assert list(agent) == ["prometheus.yml"] and "rules/redis.rules.yml" in server
    of_agent, of_server = agent["prometheus.yml"], server["prometheus.yml"]
    assert of_server.keys() - of_agent.keys() == {"rule_files", "alerting"}
    assert {name: of_server[name] for name in of_agent} == of_agent
    assert of_agent["remote_write"] == [STORE] and of_agent["scrape_configs"]


def test_an_agent_without_a_store_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"prometheus_remote_write: expected a store .* found none"):
        rendered("agent")


def test_a_store_may_stand_in_the_overrides() -> None:
    assert rendered("agent", {"remote_write": [STORE]})["prometheus.yml"]["remote_write"] == [STORE]


def test_an_agent_that_would_read_a_store_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="expected no remote_read where prometheus_mode is agent"):
        rendered("agent", {"remote_read": [STORE]}, stores=[STORE])


@pytest.mark.parametrize(
    ("groups", "hosts", "says"),
    [
        ({"monitoring": ["a", "b"]}, {"a": AGENT, "b": {}}, "found a as agent and b as server"),
        ({"monitoring": ["a"], "rollback": ["b"]}, {"a": AGENT, "b": {}}, "rollback: expected no host in"),
        ({"monitoring": ["a"], "grafana": ["b"]}, {"a": AGENT, "b": {}}, "grafana_prometheus_url of b: "),
        ({"monitoring": ["a"]}, {"a": {**AGENT, "grafana_wanted": True}}, "grafana_prometheus_url of a: "),
        *(
            ({"monitoring": ["a"]}, {"a": {**AGENT, name: ["x"]}}, f"{name} of a: expected none where")
            for name in agent_mode.EVALUATED
        ),
    ],
)
def test_what_needs_a_server_is_refused(groups: Any, hosts: Any, says: str) -> None:
    (said,) = problems(hosts, groups)

    assert says in said


@pytest.mark.parametrize(
    ("groups", "hosts"),
    [
        ({"monitoring": ["a"], "rollback": ["a"]}, {"a": {"alert_overrides": {"X": {}}}}),
        ({"monitoring": ["a", "b"], "rollback": []}, {"a": AGENT, "b": AGENT}),
        ({"monitoring": ["a"], "grafana": ["b"]}, {"a": AGENT, "b": {"grafana_prometheus_url": "http://x"}}),
        ({"rollback": ["a"]}, {"a": {}}),
    ],
)
def test_sites_that_have_what_they_need_pass(groups: Any, hosts: Any) -> None:
    assert problems(hosts, groups) == []


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("2.42.0+ds-5", "--enable-feature=agent"),
        ("1:2.53.3", "--enable-feature=agent"),
        ("3.5.0", "--agent"),
        ("1:13.0.1", "--agent"),
        ("", "--enable-feature=agent"),
    ],
)
def test_each_version_is_told_in_its_own_word(version: str, word: str) -> None:
    assert agent_mode.flags(version, "/x") == [word, "--storage.agent.path=/x"]


def told(measured: float, sent: float) -> list[str]:
    taken = f"{TAKEN}{sent}\n" if sent else ""
    return list(stores.troubles(METRICS.format(measured=measured) + taken))


def test_a_store_that_takes_what_is_measured_is_well() -> None:
    assert told(1.7e9 + stores.LATE_S, 1.7e9) == []


@pytest.mark.parametrize(
    ("measured", "sent", "says"),
    [
        (1.7e9, 0, f"the store {URL} has taken nothing"),
        (1.7e9 + 61, 1.7e9, f"the store {URL} is 61 s behind"),
    ],
)
def test_a_store_that_takes_nothing_is_named(measured: float, sent: float, says: str) -> None:
    (said,) = told(measured, sent)

    assert said.startswith(says)


def test_a_prometheus_without_a_store_is_told() -> None:
    assert list(stores.troubles("up 1\n")) == ["Prometheus writes to no store"]
