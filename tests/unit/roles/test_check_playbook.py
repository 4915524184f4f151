"""What a site changes is checked before any host is touched: the hosts of these tests do not exist."""

import json
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import run_playbook

pytestmark = pytest.mark.slow

HOSTS = {
    "all": {
        "vars": {"site_name": "nowhere"},
        "hosts": {"nowhere": {"ansible_host": "192.0.2.1", "ansible_ssh_timeout": 1}},
        "children": {
            name: {"hosts": {"nowhere": {}}} for name in ("monitoring", "postgresql", "redis", "application")
        },
    }
}

NAMES = ("pagerduty_critical_key", "pagerduty_error_key", "rollback_webhook_secret", "slack_webhook_url")
NO_SWITCH = {"dead_man": "a site of a test"}
MAIL = {"to": "ops@example.org", "from": "alerts@example.org", "smarthost": "mail.example.org:587"}
SECRETS = {
    **dict.fromkeys((*NAMES, "smtp_password"), "planted"),
    "slack_webhook_url": "https://planted.example.org",
}


PAIR = {name: {"ansible_host": "192.0.2.1"} for name in ("monitor1", "monitor2")}


def play(playbook: str, tmp_path: Path, inventory_of: object = HOSTS, **variables: object) -> str:
    """What ansible-playbook says, after it ended as it should: with a failure exactly if it says so."""
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps(inventory_of))
    done = run_playbook(
        playbook, inventory=inventory, variables={"alertmanager_without": NO_SWITCH, **variables}
    )
    told = done.output
    assert bool(done.returncode) == ("FAILED" in told), told
    return told


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"alert_overrides": {"CriticalErorRate": {"for": "1m"}}}, "is CriticalErrorRate meant?"),
        pytest.param(
            {"alert_overrides": {"CriticalErrorRate": {"colour": "red"}}},
            "expected fields threshold, for",
            marks=pytest.mark.long,
        ),
        ({"alert_overrides": {"PostgresDown": {"threshold": 1}}}, "possible here: for, keep_firing_for"),
        ({"prometheus_runbooks_url": "docs"}, "runbooks url: expected an address such as http://"),
        pytest.param(
            {"prometheus_slo": {"journeys": {"checkout": "/a("}}},
            "as the paths of the journey checkout, found",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"prometheus_time_scale": 0},
            "expected a time scale of 1 (production) or more, found 0",
            marks=pytest.mark.long,
        ),
        ({"prometheus_jobs": {"node": {"groups": "monitoring", "port": 9100}}}, "found node: {'groups': "),
        ({"prometheus_jobs": {"shop": None}}, "found shop: None"),
        ({"prometheus_listen_address": "10.0.0.1"}, "such as 0.0.0.0:9090 or [::1]:9090, found 10.0.0.1"),
        (
            {"alertmanager_mail": MAIL, "alertmanager_overrides": {"route": {"routes": [{"receiver": "x"}]}}},
            "it would replace all our routes; add yours with alertmanager_routes",
        ),
        ({"alertmanager_without": {}}, "expected {url: https://...}, the address of a service outside that"),
        pytest.param(
            {"alertmanager_channels": {"databse": "#dba"}},
            "found 'databse'; is database meant?",
            marks=pytest.mark.long,
        ),
        ({"alertmanager_mentions": {"critcal": "here"}}, "expected some of critical, error, warning, found"),
        ({"exporter_instances": {"node": {"flags": []}}}, "node: expected some of archive_checksum"),
        pytest.param(
            {"prometheus_jobs": {"shop": {"groups": ["shop"], "port": 1}}},
            "expected shop to have groups of this",
            marks=pytest.mark.long,
        ),
    ],
)
def test_wrong_change_stops_site_yml_at_once(tmp_path: Path, variables: dict[str, object], says: str) -> None:
    told = play("site.yml", tmp_path, **variables)

    assert says in told
    assert "unreachable=0" in told
    assert "Install" not in told


WRONG_SHAPES: dict[str, tuple[object, str]] = {
    "prometheus_jobs": (["node"], "expected a dictionary, found a list"),
    "prometheus_public_endpoints": (5, "expected a list, found a number"),
    "prometheus_extra_flags": ("--x", "expected a list, found a text"),
    "prometheus_version": (2.5, "expected a version in quotes"),
    "alertmanager_overrides": ([1], "expected a dictionary"),
    "redis_settings": (["x"], "expected a dictionary"),
}


def test_all_inputs_of_a_wrong_shape_are_named_at_once(tmp_path: Path) -> None:
    told = play("site.yml", tmp_path, **{name: value for name, (value, _) in WRONG_SHAPES.items()})

    says = [f"{name} of nowhere: {words}" for name, (_, words) in WRONG_SHAPES.items()]
    assert [each for each in says if each not in told] == []
    assert "unreachable=0" in told
    assert "Install" not in told


def test_missing_secret_stops_site_yml_at_once(tmp_path: Path) -> None:
    mail, secrets = {**MAIL, "username": "x"}, {**SECRETS, "smtp_password": ""}

    told = play("site.yml", tmp_path, alertmanager_mail=mail, alertmanager_secrets=secrets)

    assert "found nothing for smtp_password" in told
    assert "planted" not in told


def test_site_without_a_daemon_needs_no_secret_of_it(tmp_path: Path) -> None:
    secrets = {name: value for name, value in SECRETS.items() if not name.startswith("rollback")}

    told = play("playbooks/check.yml", tmp_path, alertmanager_secrets=secrets, alertmanager_mail=MAIL)

    assert "rollback_webhook_secret" not in told and "FAILED" not in told


def test_site_that_does_not_say_where_its_mail_goes_stops_site_yml_at_once(tmp_path: Path) -> None:
    told = play(
        "site.yml", tmp_path, alertmanager_secrets=SECRETS, alertmanager_mail={"to": "ops@example.org"}
    )

    assert "found no from and no smarthost; set alertmanager_mail" in told
    assert "unreachable=0" in told
    assert "Install" not in told


@pytest.mark.parametrize(
    "address",
    ["::1:9093", *(pytest.param(other, marks=pytest.mark.long) for other in ("9093", "mail:", ""))],
)
def test_a_listen_address_without_a_port_stops_at_once(tmp_path: Path, address: str) -> None:
    told = play(
        "playbooks/check.yml",
        tmp_path,
        alertmanager_listen_address=address,
        alertmanager_secrets=SECRETS,
        alertmanager_mail=MAIL,
    )

    assert "alertmanager_listen_address: expected an address with its port, such as 0.0.0.0:9093" in told


ASKED = {
    "10.0.0.5:1": "http://10.0.0.5:1",
    "[::1]:2": "http://[::1]:2",
    "[::]:3": "http://127.0.0.1:3",
    ":4": "http://127.0.0.1:4",
}
"""Where a service is asked that listens at an address."""


def test_a_service_is_asked_where_it_listens(tmp_path: Path) -> None:
    playbook, roles = tmp_path / "asked.yml", ("prometheus", "alertmanager")
    tasks = [{"ansible.builtin.include_vars": f"{REPO}/roles/{role}/vars/main.yml"} for role in roles]
    told = {"ansible.builtin.debug": {"msg": [f"{{{{ __{role}_url }}}}" for role in roles]}}
    play_ = {"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [*tasks, told]}
    playbook.write_text(json.dumps([play_]))
    hosts = {
        f"host{number}": {f"{role}_listen_address": address for role in roles}
        for number, address in enumerate(ASKED)
    }
    plain = {"external_url": "", "extra_flags": [], "web_users": [], "web_tls_cert": ""}
    given = {f"{role}_{name}": value for role in roles for name, value in plain.items()}

    said = play(str(playbook), tmp_path, {"all": {"vars": {"site_name": "nowhere"}, "hosts": hosts}}, **given)

    assert {asked: said.count(f'"{asked}"') for asked in ASKED.values()} == dict.fromkeys(ASKED.values(), 2)


def test_right_change_passes_without_a_host(tmp_path: Path) -> None:
    overrides = {"CriticalErrorRate": {"threshold": 0.3}}

    told = play(
        "playbooks/check.yml",
        tmp_path,
        alert_overrides=overrides,
        prometheus_slo={"journeys": {"checkout": r"/api/v1\.0/checkout"}},
        alertmanager_secrets=SECRETS,
        alertmanager_mail=MAIL,
    )

    assert "failed=0" in told
    assert "planted" not in told


def test_a_secret_that_is_no_address_is_refused_without_being_shown(tmp_path: Path) -> None:
    secrets = {**SECRETS, "slack_webhook_url": "planted-text"}

    told = play("playbooks/check.yml", tmp_path, alertmanager_secrets=secrets, alertmanager_mail=MAIL)

    assert "expected slack_webhook_url to be a web address" in told
    assert "planted" not in told


@pytest.mark.parametrize(
    ("daemons", "said", "says"),
    [
        (["monitor2"], {}, "failed=0"),
        (["monitor1", "monitor2"], {}, "rollback: expected one host in this group, found monitor1, monitor2"),
        pytest.param(
            ["monitor2"],
            {"rollback_listen_address": "::1"},
            "set rollback_listen_address for monitor2",
            marks=pytest.mark.long,
        ),
        pytest.param(
            ["monitor2"],
            {"alertmanager_listen_address": "127.0.0.1:9093"},
            "set alertmanager_listen_address for",
            marks=pytest.mark.long,
        ),
        (
            ["monitor2"],
            {"alertmanager_cluster_listen_address": "127.0.0.1:9094"},
            "set alertmanager_cluster_listen_address for",
        ),
        (
            ["monitor2"],
            {"prometheus_web_users": [{"name": "watch", "password": "planted-words"}]},
            "alertmanager_web_users of monitor1: expected it as prometheus_web_users of monitor1 is given",
        ),
    ],
)
def test_two_monitoring_hosts_need_only_their_names_unless_the_site_keeps_them_apart(
    tmp_path: Path, daemons: list[str], said: dict[str, object], says: str
) -> None:
    children = {"monitoring": {"hosts": PAIR}, "rollback": {"hosts": {name: {} for name in daemons}}}
    site = {"all": {"vars": {"site_name": "nowhere"}, "children": children}}
    secrets = {"rollback_webhook_secret": "planted-webhook", "rollback_admin_secret": "planted-admin"}
    inputs = {"alertmanager_secrets": SECRETS, "alertmanager_mail": MAIL, **secrets, **said}

    told = play("playbooks/check.yml", tmp_path, site, **inputs)

    assert says in told
    assert "unreachable=0" in told


AGENT = {"prometheus_mode": "agent", "prometheus_remote_write": [{"url": "https://store.example.org/push"}]}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"prometheus_remote_write": []}, "prometheus_remote_write: expected a store where prometheus_mode"),
        ({"prometheus_mode": "agnet"}, "expected one of 'server', 'agent', found 'agnet'"),
        (
            {"alert_overrides": {"CriticalErrorRate": {"threshold": 0.3}}},
            "alert_overrides of nowhere: expected",
        ),
        ({"prometheus_overrides": {"remote_read": [{"url": "http://x"}]}}, "expected no remote_read where"),
    ],
)
def test_an_agent_that_could_not_work_stops_site_yml_at_once(
    tmp_path: Path, said: dict[str, object], says: str
) -> None:
    told = play("site.yml", tmp_path, **{**AGENT, **said})

    assert says in told
    assert "unreachable=0" in told


def test_an_agent_needs_no_secret_of_alerts_and_says_that_it_raises_none(tmp_path: Path) -> None:
    told = play("playbooks/check.yml", tmp_path, **AGENT)

    assert "this site raises no alert" in told and "failed=0" in told


def test_a_server_raises_alerts(tmp_path: Path) -> None:
    told = play("playbooks/check.yml", tmp_path, alertmanager_secrets=SECRETS, alertmanager_mail=MAIL)

    assert "this site raises no alert" not in told and "failed=0" in told


def test_nobody_posts_a_test_alert_where_an_agent_is(tmp_path: Path) -> None:
    told = play("playbooks/test_alert.yml", tmp_path, **AGENT)

    assert "found prometheus_mode agent: this site raises no alert" in told


def with_group(name: str) -> dict[str, Any]:
    """The site with its host in one more group."""
    site: dict[str, Any] = json.loads(json.dumps(HOSTS))
    site["all"]["children"][name] = {"hosts": {"nowhere": {}}}
    return site


def test_a_setting_that_the_daemon_does_not_know_stops_site_yml_at_once(tmp_path: Path) -> None:
    secrets = {"rollback_webhook_secret": "planted-webhook", "rollback_admin_secret": "planted-admin"}
    said = {"alertmanager_secrets": SECRETS, "alertmanager_mail": MAIL, **secrets}

    told = play("site.yml", tmp_path, with_group("rollback"), rollback_settings={"cooldwn": "5m"}, **said)

    assert "rollback_settings of nowhere: expected settings of" in told and "is cooldown meant?" in told
    assert "unreachable=0" in told


def test_a_host_whose_programs_are_not_named_stops_site_yml_at_once(tmp_path: Path) -> None:
    told = play(
        "site.yml", tmp_path, with_group("process"), alertmanager_secrets=SECRETS, alertmanager_mail=MAIL
    )

    assert "nowhere: exporter_process_names: expected each program as" in told
    assert "unreachable=0" in told
