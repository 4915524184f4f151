"""Ways of running, one set of files: rules, templates, dashboards and routes, whoever carries them.

A row is a way of running and gives its files by their paths under monitoring/. What differs from site to site
(addresses, the way to Slack) is no part of the comparison: `alertmanager.yml` is compared by what it routes.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from devtools import pods
from devtools.chart import rendered
from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.grafana.filter_plugins.mita_grafana import dashboards
from roles.prometheus.filter_plugins.mita_prometheus import prometheus_files

pytestmark = pytest.mark.slow
MONITORING = REPO / "monitoring"
SECRETS = {
    "slack_webhook_url": "https://hooks.slack.com/services/a/b/c",
    **dict.fromkeys(("pagerduty_critical_key", "pagerduty_error_key", "rollback_webhook_secret"), "planted"),
    "smtp_password": "planted",
}
MAIL = {
    "to": "mikhail@mita.finance",
    "from": "alerts@mita.finance",
    "smarthost": "smtp.sendgrid.net:587",
    "username": "apikey",
}
ENV = {
    "slack_webhook_url": SECRETS["slack_webhook_url"],
    "sendgrid_api_key": "planted",
    "pagerduty_critical_key": "0" * 32,
    "pagerduty_error_key": "1" * 32,
    "rollback_webhook_secret": "planted-webhook-secret",
    "grafana_admin_user": "admin",
    "grafana_admin_password": "planted-password",
    "database_url": "postgresql://user:planted@host:5432/mita",
    "redis_url": "redis://redis:6379",
    "rollback_base_url": "https://api.mita.finance",
}
VOLUMES = (
    *("prometheus", "alertmanager", "relay", "closing", "grafana", "rollback"),
    *("blackbox-exporter", "postgres-exporter", "redis-exporter"),
)
COMPARED = {"rules": "*.rules.yml", "templates": "*.tmpl", "dashboards": "*.json"}
OF_THE_SITE = {"rules/expected.rules.yml"}
"""How many targets the site has: written for each."""
ROUTED = ("route", "inhibit_rules", "time_intervals")
Files = Mapping[str, str]


def ansible(_: Path) -> Files:
    """What the roles lay on a host of a site without overrides."""
    said = {"alertmanager_mail": MAIL, "alertmanager_without": {"dead_man": "a test"}}
    found = [
        *prometheus_files(str(MONITORING)),
        *alertmanager_files(str(MONITORING), secrets=SECRETS, said=said),
        *dashboards(str(MONITORING)),
    ]
    return {file["path"]: file["content"] for file in found}


def compose(place: Path, *more: str) -> Files:
    """What the container `config` writes for the others; *more* are arguments, such as the site's file."""
    for name, value in ENV.items():
        (place / "env").mkdir(exist_ok=True)
        (place / "env" / name).write_text(value, encoding="utf-8")
    for volume in VOLUMES:
        (place / "out" / volume).mkdir(parents=True)
    variables = {
        "container_root": place / "out",
        "compose_env": place / "env",
        "compose_state": place / "state",
    }
    groups = [f"container{kind}_group" for kind in ("", "_grafana", "_redis_exporter", "_own")]
    addresses = {"alertmanager_external_url": ""}  # dashboards link to it where a site says it
    values = {**variables, **dict.fromkeys(groups, place.stat().st_gid), **addresses}
    given = [f"{name}={value}" for name, value in values.items()]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "--inventory=inventories/compose/hosts.yml"),
            *("playbooks/containers.yml", *(f"--extra-vars={one}" for one in given), *more),
        ],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return {
        str(path.relative_to(volume)): path.read_text(encoding="utf-8")
        for volume in sorted((place / "out").iterdir())
        for path in volume.rglob("*")
        if path.is_file()
    }


def chart(_: Path) -> Files:
    """What helm renders, as the pods mount it."""
    values = {
        "image": {"repository": "planted", "tag": "planted"},
        "prometheus": {"targets": {"mita-backend": [{"targets": ["app:8080"]}]}},
        "alertmanager": {"mail": MAIL, "without": {"dead_man": "a test"}},
        "rollback": {
            "executor": {"namespace": "mita", "services": {"mita-backend": {"probe": "http://app/"}}}
        },
    }
    keys = (
        *SECRETS,
        "grafana_admin_password",
        *("rollback_admin_secret", "rollback_slack_webhook_url", "rollback_pagerduty_routing_key"),
    )
    planted = pods.secret("mita-monitoring", dict.fromkeys(keys, "planted"))
    found = pods.Objects([*rendered(values=values), planted])
    volumes = (found.volume(pods.pod(one), "config") for one in found.of("StatefulSet"))
    return {path: content.decode() for files in volumes for path, content in files.items()}


ROWS: dict[str, Callable[[Path], Files]] = {"ansible": ansible, "compose": compose, "chart": chart}


@pytest.fixture(scope="module", params=ROWS)
def carried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of one way of running."""
    return ROWS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("folder", COMPARED)
def test_files_are_the_same_bytes(carried: Files, folder: str) -> None:
    native = {
        f"{folder}/{path.name}": path.read_text(encoding="utf-8")
        for path in (MONITORING / folder).glob(COMPARED[folder])
    }

    found = {path: text for path, text in carried.items() if path.startswith(f"{folder}/")}
    assert native
    assert {path: text for path, text in found.items() if path not in OF_THE_SITE} == native


@pytest.mark.parametrize("part", ROUTED)
def test_alerts_are_routed_in_the_same_way(carried: Files, part: str) -> None:
    native = read_yaml((MONITORING / "alertmanager.yml").read_text(encoding="utf-8"))

    assert read_yaml(carried["alertmanager.yml"])[part] == native[part]


def test_receivers_tell_the_same_people(carried: Files) -> None:
    native = read_yaml((MONITORING / "alertmanager.yml").read_text(encoding="utf-8"))

    assert _told(read_yaml(carried["alertmanager.yml"])) == _told(native)


def test_the_same_jobs_are_scraped(carried: Files) -> None:
    native = read_yaml((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    found = read_yaml(carried["prometheus.yml"])

    assert [one["job_name"] for one in found["scrape_configs"]] == [
        one["job_name"] for one in native["scrape_configs"]
    ]
    assert (found["global"], found["rule_files"]) == (native["global"], native["rule_files"])


def _told(config: Mapping[str, object]) -> dict[str, list[str]]:
    """Who is told by each receiver, without the addresses of servers."""
    receivers = config["receivers"]
    assert isinstance(receivers, list)
    return {
        one["name"]: [
            f"{kind} {entry.get('channel') or entry.get('to') or entry.get('routing_key_file') or ''}"
            for kind, entries in sorted(one.items())
            if isinstance(entries, list)
            for entry in entries
        ]
        for one in receivers
    }
