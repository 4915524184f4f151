"""Whatever Alertmanager sends to has its secret at every site and a stand-in on the bench."""

import re

import pytest

from devtools.paths import REPO
from harness.lab import keys
from harness.receivers.stand_ins import RECEIVERS
from monitoring.routing import deliveries
from monitoring.yaml_text import read_yaml

CONFIG = REPO / "monitoring" / "alertmanager.yml"
TREE = read_yaml(CONFIG.read_text())
SECRETS = sorted({*re.findall(r"/etc/alertmanager/secrets/(\w+)", CONFIG.read_text())})
SITES = [f"inventories/{site}/group_vars/monitoring.yml" for site in ("lab", "production")]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_alertmanager_reads_is_given_by_each_inventory(secret: str, site: str) -> None:
    given = read_yaml((REPO / site).read_text())["alertmanager_secrets"]

    assert secret in given, f"expected {secret} in alertmanager_secrets of {site}"


@pytest.mark.parametrize("secret", SECRETS)
def test_the_lab_makes_every_secret_that_alertmanager_reads(secret: str) -> None:
    assert secret in keys.SECRETS, f"expected {secret} among the secrets of harness/lab/keys.py"


@pytest.mark.parametrize("receiver", [receiver["name"] for receiver in TREE["receivers"]])
def test_a_place_that_people_look_at_has_a_stand_in(receiver: str) -> None:
    alone = {**TREE, "route": {"receiver": receiver}}
    services = {delivery.destination.service for delivery in deliveries(alone, {})}

    assert services <= {*RECEIVERS}, f"expected a stand-in for {services} in harness/receivers/stand_ins.py"


def test_every_channel_has_an_address_in_the_lab_and_in_the_example() -> None:
    """The address of a Slack app belongs to one channel: one that has none would be read elsewhere."""
    channels = {
        entry["channel"] for receiver in TREE["receivers"] for entry in receiver.get("slack_configs", [])
    }
    assert channels == {*keys.SLACK.values()}, "expected each channel in SLACK of harness/lab/keys.py"

    for site in SITES:
        said = read_yaml((REPO / site).read_text())
        named = {name: given["address"] for name, given in said["alertmanager_channels"].items()}
        own = {secret: f"#mita-{name}" for name, secret in named.items()} | {
            "slack_webhook_url": "#mita-alerts"
        }
        assert own == keys.SLACK, f"expected the same addresses in alertmanager_channels of {site}"
