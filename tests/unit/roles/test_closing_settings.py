"""What the role tells `closing` is what alertmanager.yml says."""

import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_closing import closing_settings, closing_sources

OURS = (REPO / "monitoring" / "alertmanager.yml").read_text()
READY = {"url": "https://127.0.0.1:9093/am/-/ready", "username": "u", "password": "p", "ca_file": "/x"}


def settings(config: str = OURS, *, every_s: float = 20, time_scale: float = 1) -> dict[str, Any]:
    text = closing_settings(config, READY, every_s=every_s, retention="120h", time_scale=time_scale)
    return dict(json.loads(text))


@pytest.mark.parametrize(("time_scale", "seconds"), [(1, 600), (15, 40)])
def test_alerts_begin_at_once_within_ten_minutes_of_the_lab(time_scale: float, seconds: float) -> None:
    assert settings(time_scale=time_scale)["crowd_s"] == seconds


def test_the_shipped_inhibition_is_the_one_that_crowds_are_posted_for() -> None:
    [rule] = [one for one in settings()["inhibitions"] if one["source"] == [["crowd", "!=", ""]]]
    assert ["crowd", "=", ""] in rule["target"] and ["rollback", "!~", "auto|propose"] in rule["target"]


def test_alertmanager_is_asked_as_its_role_asks() -> None:
    asked = {"url": "https://127.0.0.1:9093/am", "username": "u", "password": "p", "ca_file": "/x"}

    assert settings()["alertmanager"] == asked


def test_patience_is_the_groups_interval_and_what_a_new_alertmanager_waits_for() -> None:
    assert settings()["patience_s"] == 300 + 120
    assert (
        settings(time_scale=15)["patience_s"] == 300 + 8
    )  # the interval is in the file, which is scaled before
    assert settings("route: {receiver: a, group_interval: 1s}", every_s=60)["patience_s"] == 180


def test_every_inhibition_and_every_route_with_times_is_there() -> None:
    config, found = read_yaml(OURS), settings()

    assert len(found["inhibitions"]) == len(config["inhibit_rules"])
    assert all(rule["source"] and rule["target"] for rule in found["inhibitions"])
    mute = {one["receiver"] for one in found["timed"]}
    assert {"warning-slack", "warning-mail", "slack-database"} <= mute
    assert "critical" not in mute
    assert all(one["mute"] and one["active"] is None for one in found["timed"])


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({"source_match": {"a": "b"}}, [["a", "=", "b"]]),
        ({"source_match_re": {"a": "b|c"}}, [["a", "=~", "b|c"]]),
        ({"source_matchers": ["a=b", 'c!~"d"']}, [["a", "=", "b"], ["c", "!~", "d"]]),
        ({"source_matchers": ['{a="b,c", d!="e"}']}, [["a", "=", "b,c"], ["d", "!=", "e"]]),
        ({"source_matchers": [r'a=~"x\"y\\d"']}, [["a", "=~", r'x"y\d']]),
    ],
)
def test_every_form_of_a_matcher_is_read(rule: dict[str, Any], source: list[list[str]]) -> None:
    config = yaml.safe_dump({"route": {"receiver": "a"}, "inhibit_rules": [rule]})

    assert settings(config)["inhibitions"] == [{"source": source, "target": [], "equal": []}]


def test_matcher_that_is_none_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="expected a matcher such as"):
        settings("route: {receiver: a}\ninhibit_rules: [{source_matchers: [nonsense]}]")


def test_route_that_is_active_at_times_inherits_its_receiver() -> None:
    config = """
route: {receiver: a, routes: [{active_time_intervals: [office], matchers: ['x="y"']}]}
mute_time_intervals: [{name: office, time_intervals: [{weekdays: ['monday:friday']}]}]
"""

    assert settings(config)["timed"] == [
        {
            "receiver": "a",
            "matchers": [["x", "=", "y"]],
            "children": [],
            "mute": [],
            "active": [{"weekdays": ["monday:friday"]}],
        }
    ]


def test_route_is_known_by_all_matchers_on_the_way_and_by_those_of_its_children() -> None:
    config = """
route:
  receiver: a
  routes:
    - matchers: ['x="y"']
      routes: [{mute_time_intervals: [night], matchers: ['z="1"'], routes: [{matchers: ['v="w"']}]}]
time_intervals: [{name: night, time_intervals: [{weekdays: ['monday:friday']}]}]
"""

    [found] = settings(config)["timed"]

    assert found["matchers"] == [["x", "=", "y"], ["z", "=", "1"]]
    assert found["children"] == [[["v", "=", "w"]]]


def test_groups_are_those_of_the_routes_that_take_an_alert() -> None:
    config = """
route:
  receiver: a
  group_by: [alertname]
  routes:
    - {matchers: ['x="y"'], receiver: b, group_by: [x], routes: [{matchers: ['z="1"'], group_by: ['...']}]}
"""
    found = {(one["receiver"], *one["by"]): len(one["matchers"]) for one in settings(config)["grouped"]}

    assert found == {("a", "alertname"): 0, ("b", "x"): 1, ("b", "..."): 2}


def test_receiver_whose_groups_speak_rarely_is_waited_for_longer() -> None:
    assert settings()["slower_s"] == {"warning-mail": 900 + 120}
    inherited = """
route: {receiver: a, routes: [{receiver: b, group_interval: 1h, routes: [{receiver: c}]}, {receiver: d}]}
"""
    assert settings(inherited)["slower_s"] == {"b": 3720, "c": 3720}


def test_digest_goes_to_the_channels_behind_the_relay_from_one_host() -> None:
    address = "http://127.0.0.1:9096/slack_webhook_url"
    config = f"""
route: {{receiver: a}}
receivers:
  - name: a
    slack_configs:
      - {{channel: '#a', api_url: '{address}'}}
      - {{api_url: '{address}'}}
      - {{channel: '#b', api_url_file: /x}}
  - {{name: mail, email_configs: [{{to: x}}]}}
"""
    told = closing_settings(config, READY, every_s=20, retention="120h", time_scale=1, digest=True)

    assert json.loads(told)["digest"] == {"a": [[address, "#a"], [address, ""]]}
    assert settings(config)["digest"] == {}


def test_every_file_of_the_program_is_shipped() -> None:
    shipped = {file["path"] for file in closing_sources("/usr/local/lib/x")}

    assert shipped == {f"/usr/local/lib/x/closing/{path.name}" for path in (REPO / "closing").glob("*.py")}
