"""What the role puts between Alertmanager and Slack: the addresses leave the one for the other."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from relay.settings import load
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_relay import MARK, behind_relay, relay_files

PLANTED = {
    "slack_webhook_url": "https://hooks.example/services/a",
    "slack_database_url": "https://hooks.example/services/b",
    "pagerduty_critical_key": "k",
    "pagerduty_error_key": "k",
    "rollback_webhook_secret": "w",
    "smtp_password": "p",
}
MAIL = {"to": "a@b.c", "from": "a@b.c", "smarthost": "m:25", "username": "u"}


def site(**said: Any) -> list[dict[str, Any]]:
    return alertmanager_files(
        str(REPO / "monitoring"),
        secrets=PLANTED,
        said={
            "alertmanager_mail": MAIL,
            "alertmanager_without": {"dead_man": "a test"},
            "alertmanager_channels": {"database": {"address": "slack_database_url"}},
            **said,
        },
    )


def config(files: list[dict[str, Any]]) -> Any:
    return read_yaml(next(file["content"] for file in files if file["path"] == "alertmanager.yml"))


def slack(files: list[dict[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    return {one["name"]: one["slack_configs"] for one in config(files)["receivers"] if "slack_configs" in one}


def relay(files: list[dict[str, Any]]) -> dict[str, Any]:
    found = relay_files(files, 9096, time_scale=1, directory="/x")
    return {file["path"]: file["content"] for file in found}


def test_every_message_goes_to_the_relay_and_no_address_stays() -> None:
    before, after = slack(site()), slack(behind_relay(site(), 9096))

    assert after.keys() == before.keys() and "slack_api_url_file" not in config(site())["route"]
    for name, entries in after.items():
        for old, new in zip(before[name], entries, strict=True):
            address = "slack_database_url" if name == "slack-database" else "slack_webhook_url"
            assert new["api_url"] == f"http://127.0.0.1:9096/{address}"
            assert new["callback_id"] == MARK
            added = {"api_url", "callback_id", "http_config"}
            assert {key: new[key] for key in new if key not in added} == {
                key: old[key] for key in old if key != "api_url_file"
            }
    assert "slack_api_url_file" not in config(behind_relay(site(), 9096))["global"]
    assert {file["path"] for file in site()} - {file["path"] for file in behind_relay(site(), 9096)} == {
        "secrets/slack_webhook_url",
        "secrets/slack_database_url",
    }


def test_relay_has_the_addresses_and_its_program_reads_the_settings(tmp_path: Any) -> None:
    files = relay(site())
    (tmp_path / "relay.json").write_text(files["relay.json"])

    settings = load(tmp_path / "relay.json")

    assert set(settings.addresses) == {"slack_webhook_url", "slack_database_url"}
    for name, address in settings.addresses.items():
        assert str(address.file) == f"/etc/mita-relay/secrets/{name}"
        assert files[f"secrets/{name}"] == PLANTED[name]
    shipped = {path for path in files if path.startswith("/x/relay/")}
    assert shipped == {f"/x/relay/{path.name}" for path in (REPO / "relay").glob("*.py")}


def test_proxy_of_the_site_stands_before_slack_and_not_before_this_host() -> None:
    files = site(alertmanager_overrides={"global": {"http_config": {"proxy_url": "http://proxy:3128"}}})

    assert {one["proxy"] for one in json.loads(relay(files)["relay.json"])["addresses"].values()} == {
        "http://proxy:3128"
    }
    for entries in slack(behind_relay(files, 9096)).values():
        assert [entry["http_config"] for entry in entries] == [{"follow_redirects": False}] * len(entries)


@pytest.mark.parametrize(
    "own",
    [
        {"api_url": "https://hooks.example/own"},
        {"api_url_file": "/etc/own/address"},
        {"api_url_file": "/etc/alertmanager/secrets/smtp_password", "http_config": {"tls_config": {}}},
    ],
)
def test_what_the_relay_cannot_send_goes_as_before(own: dict[str, Any]) -> None:
    receiver = {"name": "own", "slack_configs": [{"channel": "#own", **own}]}
    files = site(
        alertmanager_receivers=[receiver],
        alertmanager_routes=[{"receiver": "own", "matchers": ['severity="info"']}],
    )

    (entry,) = slack(behind_relay(files, 9096))["own"]

    assert own.items() <= entry.items()
    assert "callback_id" not in entry


def test_site_without_slack_has_a_relay_without_addresses() -> None:
    files = site(
        alertmanager_without={"dead_man": "a test", "slack": "a test"},
        alertmanager_channels={},
    )

    assert config(behind_relay(files, 9096)) == config(files)
    assert json.loads(relay(files)["relay.json"])["addresses"] == {}


def test_two_proxies_before_one_address_are_refused() -> None:
    proxied = {"http_config": {"proxy_url": "http://proxy:3128"}, "channel": "#own"}
    receiver = {
        "name": "own",
        "slack_configs": [{**proxied, "api_url_file": "/etc/alertmanager/secrets/slack_webhook_url"}],
    }
    files = site(
        alertmanager_receivers=[receiver],
        alertmanager_routes=[{"receiver": "own", "matchers": ['severity="info"']}],
    )

    with pytest.raises(AnsibleFilterError, match="slack_webhook_url, found two"):
        behind_relay(files, 9096)
