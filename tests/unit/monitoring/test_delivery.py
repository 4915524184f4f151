"""A site's inputs change what they name and nothing beside it; a wrong one is told with the right one."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import CatalogError, render_alertmanager
from monitoring.delivery.channels import shared_address, with_channels
from monitoring.yaml_text import read_yaml

TEXT = (REPO / "monitoring" / "alertmanager.yml").read_text("utf-8")
OURS = read_yaml(TEXT)
MAIL = {"to": "ops@example.org", "from": "alerts@example.org", "smarthost": "mail.example.org:587"}
NO_SWITCH = {"dead_man": "a test"}
Config = dict[str, Any]


def site(**said: Any) -> Config:
    """The configuration of a site that says this in inputs without their prefix."""
    base = {"mail": MAIL, "without": NO_SWITCH} | said
    return dict(
        read_yaml(
            render_alertmanager(TEXT, said={f"alertmanager_{name}": value for name, value in base.items()})
        )
    )


def refusal(**said: Any) -> str:
    with pytest.raises(CatalogError) as found:
        site(**said)
    return str(found.value)


def slack(config: Config, receiver: str) -> list[Config]:
    return list(named(config, receiver).get("slack_configs", []))


def named(config: Config, receiver: str) -> Config:
    return next(dict(one) for one in config["receivers"] if one["name"] == receiver)


def test_a_changed_channel_keeps_texts_and_ends_and_changes_nothing_else() -> None:
    config = site(channels={"database": "#dba", "incidents": {"channel": "#war", "address": "slack_war_url"}})

    assert slack(config, "slack-database") == [slack(OURS, "slack-database")[0] | {"channel": "#dba"}]
    assert slack(config, "slack-database")[0]["send_resolved"] is True
    assert slack(config, "critical")[1] == slack(OURS, "critical")[1] | {
        "channel": "#war",
        "api_url_file": "/etc/alertmanager/secrets/slack_war_url",
    }
    assert slack(config, "slack-security") == slack(OURS, "slack-security")
    assert config["route"] == OURS["route"] and config["inhibit_rules"] == OURS["inhibit_rules"]


def test_two_channels_that_become_one_are_told_once_and_aloud() -> None:
    turned = {
        **OURS,
        "receivers": [
            one | {"slack_configs": one["slack_configs"][::-1]} if "slack_configs" in one else one
            for one in OURS["receivers"]
        ],
    }
    for config in (OURS, turned):
        (told,) = slack(with_channels(config, {"alerts": "#ops", "incidents": "#ops"}), "critical")
        assert told["channel"] == "#ops" and "<!here>" in told["pretext"]


def test_nobody_is_asked_for_an_address_that_nothing_reads() -> None:
    every = ("alerts", "incidents", "database", "security", "finance-team", "deployments")
    config = site(channels={name: {"address": f"slack_{name[:3]}_url"} for name in every})

    assert "slack_api_url_file" not in config["global"]
    assert shared_address(config) == []
    assert shared_address(site())[:2] == ["#mita-alerts", "#mita-incidents"]


def mention(config: Config, receiver: str) -> str:
    return str(slack(config, receiver)[0].get("pretext", ""))


def test_mentions_are_swapped_silenced_and_added() -> None:
    config = site(mentions={"critical": "channel", "error": "none", "warning": "<!subteam^S0123>"})

    assert mention(config, "critical") == mention(OURS, "critical").replace("<!here>", "<!channel>")
    assert mention(config, "error") == mention(OURS, "error").replace("<!channel>", "")
    assert "<!subteam^S0123>" in mention(config, "warning-slack")
    assert "pretext" not in slack(config, "critical")[1]
    assert mention(config, "slack-database") == ""


def test_a_mention_follows_its_channel() -> None:
    config = site(mentions={"critical": "everyone"}, channels={"alerts": "#ops"})

    assert slack(config, "critical")[0]["channel"] == "#ops"
    assert "<!everyone>" in mention(config, "critical")


def test_the_hours_of_a_site_are_in_its_own_zone() -> None:
    config = site(mute_hours={"from": "20:00", "timezone": "Europe/Berlin", "all_day": ["sunday"]})

    night, whole = config["time_intervals"][0]["time_intervals"]
    assert night["times"] == [
        {"start_time": "20:00", "end_time": "24:00"},
        {"start_time": "00:00", "end_time": "08:00"},
    ]
    assert whole == {"weekdays": ["sunday"], "location": "Europe/Berlin"}
    assert night["location"] == "Europe/Berlin"


def test_hours_of_one_day_are_one_range_and_a_site_may_have_none() -> None:
    day = site(mute_hours={"from": "01:00", "to": "06:30"})["time_intervals"][0]["time_intervals"]
    never = site(without={**NO_SWITCH, "mute_hours": "somebody is always here"})["time_intervals"]

    assert day[0]["times"] == [{"start_time": "01:00", "end_time": "06:30"}]
    assert never == [{"name": "off-hours", "time_intervals": []}]


def test_the_heartbeat_goes_where_the_site_says() -> None:
    config = site(without={}, dead_man={"url": "https://hc.example.org/x", "http_config": {"proxy_url": "p"}})

    assert named(config, "dead-man")["webhook_configs"] == [
        {"url": "https://hc.example.org/x", "send_resolved": False, "http_config": {"proxy_url": "p"}}
    ]


def test_what_a_site_has_not_is_not_sent() -> None:
    config = site(without={**NO_SWITCH, "pagerduty": "one room", "security": "they read alerts"})

    assert not [one for one in config["receivers"] if "pagerduty_configs" in one]
    assert slack(config, "slack-security") == [] and slack(config, "error") == slack(OURS, "error")


SHOP = {"name": "shop", "slack_configs": [{"channel": "#shop"}], "email_configs": [{"to": "shop@x.org"}]}


def test_a_route_and_a_receiver_are_added_with_our_texts() -> None:
    config = site(receivers=[SHOP], routes=[{"matchers": ['team="shop"'], "receiver": "shop"}])

    ours = OURS["route"]["routes"]
    found = config["route"]["routes"]
    added = {"matchers": ['team="shop"'], "receiver": "shop", "continue": True}
    assert [route for route in found if route not in ours] == [added]
    assert [route for route in found if route in ours] == ours
    assert all("rollback" in route["matchers"][0] for route in found[: found.index(added)])
    assert slack(config, "shop") == [slack(OURS, "unrouted")[0] | {"channel": "#shop"}]
    assert named(config, "shop")["email_configs"][0]["send_resolved"] is True


def test_an_inhibition_is_added() -> None:
    rule = {"source_matchers": ['alertname="A"'], "target_matchers": ['alertname="B"'], "equal": ["env"]}

    assert site(inhibit_rules=[rule])["inhibit_rules"] == [*OURS["inhibit_rules"], rule]


def test_more_templates_on_the_host_are_read_beside_ours() -> None:
    both = [*OURS["templates"], "/etc/site.tmpl"]

    assert site(overrides={"templates": both})["templates"] == both


def test_what_no_input_names_may_still_be_overridden() -> None:
    config = site(overrides={"global": {"resolve_timeout": "9m"}, "route": {"repeat_interval": "8h"}})

    assert config["global"]["resolve_timeout"] == "9m" and config["route"]["repeat_interval"] == "8h"
    assert config["route"]["routes"] == OURS["route"]["routes"]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (
            {"overrides": {"route": {"routes": []}}},
            "replace all our routes; add yours with alertmanager_routes",
        ),
        ({"overrides": {"route": {"receiver": "x"}}}, "no change of route.receiver"),
        ({"overrides": {"route": None}}, "nobody would be told"),
        ({"overrides": {"inhibit_rules": []}}, "add yours with alertmanager_inhibit_rules"),
        ({"overrides": {"templates": []}}, "add yours with alertmanager_template_files"),
        ({"overrides": {"time_intervals": [{"name": "off-hours"}]}}, "use alertmanager_mute_hours"),
        (
            {"overrides": {"receivers": [{"name": "critical", "slack_configs": [{"channel": "#x"}]}]}},
            "our texts and `send_resolved` would be lost; use alertmanager_channels, alertmanager_mentions",
        ),
        ({"overrides": {"receivers": [{"name": "critcal"}]}}, "no receiver critcal (is critical meant?)"),
        ({"overrides": {"receivers": []}}, "use alertmanager_receivers and alertmanager_routes"),
        ({"overrides": [1]}, "expected alertmanager_overrides as a mapping"),
        ({"channels": {"databse": "#x"}}, "found 'databse'; is database meant?"),
        ({"channels": {"database": None}}, "a channel in quotes, such as '#ops', found nothing"),
        ({"channels": {"database": "dba team"}}, "expected a channel such as '#ops'"),
        ({"channels": {"database": {"address": "https://planted"}}}, "the name of a secret"),
        ({"mentions": {"critical": "hear"}}, "found 'hear'; is here meant?"),
        ({"mute_hours": {"from": 1080}}, "a time in quotes such as '18:00', found 1080"),
        ({"mute_hours": {"from": "08:00"}}, "expected two times that differ"),
        ({"mute_hours": {"timezone": "Europe/Sophia"}}, "found 'Europe/Sophia'; is Europe/Sofia meant?"),
        ({"mute_hours": {"all_day": ["sunday", "saturdy"]}}, "found 'saturdy'; is saturday meant?"),
        ({"without": {}}, "without one nobody hears that this monitoring died"),
        ({"without": {"dead_man": " "}}, "expected the reason in words"),
        ({"without": {"dead-man": "x"}}, "is dead_man meant?"),
        ({"dead_man": {"url": "https://x.org"}}, "found both"),
        ({"without": {}, "dead_man": {"url": "planted"}}, "expected url as a web address"),
        ({"routes": [{"matchers": ['a="b"'], "receiver": "critcal"}]}, "is critical meant?"),
        ({"routes": [{"receiver": "error", "continue": False}]}, "expected no `continue: false`"),
        ({"routes": [{"receiver": "error", "matcher": []}]}, "is matchers meant?"),
        ({"routes": [{"receiver": "error", "mute_time_intervals": ["off-hour"]}]}, "is off-hours meant?"),
        (
            {"routes": [{"receiver": "error", "routes": [{"receiver": "eror"}]}]},
            "route 1: expected a receiver",
        ),
        ({"routes": {"receiver": "error"}}, "expected a list of dictionaries, found a dictionary"),
        ({"routes": [{"receiver": "error", "matchers": 'a="b"'}]}, "found a text"),
        ({"routes": [{"receiver": "error", "matchers": ["a b"]}]}, "found 'a b' in it"),
        ({"inhibit_rules": [{"source_matchers": "a=b", "target_matchers": ["c=d"]}]}, "found a text"),
        (
            {"receivers": [["planted"]]},
            "expected a list of dictionaries, found a list with a list with a text",
        ),
        ({"mute_hours": {"from": "00:00", "to": "24:00"}}, "warnings would wait for ever"),
        ({"receivers": [{"name": "critical", "slack_configs": [{"channel": "#x"}]}]}, "a name of its own"),
        ({"receivers": [{"name": "shop"}]}, "it tells nobody"),
        ({"receivers": [{"name": "shop", "slck_configs": []}]}, "is slack_configs meant?"),
        ({"receivers": [{"name": "shop", "pagerduty_configs": [{}]}]}, "expected routing_key_file in each"),
        ({"inhibit_rules": [{"source_match": {}}]}, "is source_matchers meant?"),
        ({"inhibit_rules": [{"source_matchers": ['a="b"']}]}, "expected source_matchers and target_matchers"),
    ],
)
def test_a_wrong_input_is_told_with_what_is_right(said: dict[str, Any], says: str) -> None:
    told = refusal(**said)

    assert says in told
    assert "planted" not in told


def test_a_site_that_is_only_read_need_not_be_whole() -> None:
    assert read_yaml(render_alertmanager(TEXT, said={}, whole=False)) == OURS
