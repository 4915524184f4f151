"""The monitoring services as their role tests see them: one row each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devtools.paths import REPO
from harness.lab.hosts import os_release
from harness.scratch.roles import Part
from monitoring.exporters import Exporter, load_exporters

EXPORTERS = REPO / "roles" / "exporter" / "vars"

PLANTED = {
    "slack_webhook_url": "http://127.0.0.1:9/services/T000/B000/planted-slack-url",
    "pagerduty_critical_key": "planted-critical-key",
    "pagerduty_error_key": "planted-error-key",
    "rollback_webhook_secret": "planted-webhook-secret",
    "smtp_password": "planted-smtp-password",
    "prometheus_scrape": "planted-scrape-password",
    "postgres": 'planted:post\\gres"password',
    "redis": "planted$redis'password",
    "mysqld": "planted`mysqld#password",
    "web": "planted-web-password",
}

MAIL = {"to": "ops@example.org", "from": "alerts@example.org", "smarthost": "127.0.0.1:25", "username": "x"}


WITHOUT = {"dead_man": "a host of a test"}
"""What a site must give or refuse in words."""


@dataclass(frozen=True)
class Service:
    """One service: how it is installed, where it lives, how it is asked, and what may be changed about it."""

    unit: str
    role: str
    port: int
    root: str
    binaries: tuple[tuple[str, str], ...]
    prefix: str
    user: str = ""
    ready: str = "/-/ready"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    setting: tuple[Mapping[str, Any], str] = field(default_factory=lambda: ({}, ""))

    def part(self, **variables: Any) -> Part:
        """The service as a part of a play; *variables* without the role's prefix."""
        named = {f"{self.prefix}_{name}": value for name, value in variables.items()}
        return Part(self.unit, self.role, {**self.inputs, **named})

    @property
    def owner(self) -> str:
        """The user that runs it."""
        return self.user or self.unit

    @property
    def component(self) -> str:
        """What `program` calls it, which names the directory under /opt."""
        return self.unit.replace("-", "_")


def secret(name: str, directory: str) -> str:
    """A planted secret as an inventory holds it: looked up, not written out."""
    return f"{{{{ lookup('ansible.builtin.file', '{directory}/{name}') }}}}"


def services(secrets: str, content: str) -> dict[str, Service]:
    """Every service by its unit; inputs read planted secrets and monitoring content from these directories.

    The configurations have an override from the start, as every site has: the first rewrites the whole file.
    """
    inputs = _exporter_inputs(secrets, content)
    rows = (
        Service(
            unit="prometheus",
            role="prometheus",
            port=9090,
            root="/etc/prometheus",
            binaries=(("prometheus", "/usr/bin/prometheus"), ("promtool", "/usr/bin/promtool")),
            prefix="prometheus",
            inputs={
                "prometheus_secrets": {"scrape": secret("prometheus_scrape", secrets)},
                "prometheus_content_dir": content,
                "prometheus_overrides": {"global": {"scrape_timeout": "9s"}},
            },
            secrets={"secrets/scrape": "0640"},
            setting=({"overrides": {"global": {"scrape_timeout": "8s"}}}, "scrape_timeout: 8s"),
        ),
        Service(
            unit="alertmanager",
            role="alertmanager",
            port=9093,
            root="/etc/alertmanager",
            binaries=(("alertmanager", "/usr/bin/prometheus-alertmanager"), ("amtool", "/usr/bin/amtool")),
            prefix="alertmanager",
            inputs={
                "alertmanager_secrets": {name: secret(name, secrets) for name in _ALERTMANAGER},
                "alertmanager_content_dir": content,
                "alertmanager_mail": MAIL,
                "alertmanager_without": WITHOUT,
                "alertmanager_overrides": {"global": {"smtp_hello": "monitor"}},
            },
            secrets={f"secrets/{name}": "0640" for name in _ALERTMANAGER if not name.startswith("slack")},
            setting=({"overrides": {"global": {"smtp_hello": "other"}}}, "smtp_hello: other"),
        ),
        *(_exporter(one, **inputs.get(one.name, {})) for one in load_exporters(EXPORTERS).values()),
    )
    return {row.unit: row for row in rows}


def _exporter_inputs(secrets: str, content: str) -> dict[str, dict[str, Any]]:
    """What an exporter needs beyond its data file; one that needs nothing is not named here."""
    return {
        "blackbox": {"inputs": {"exporter_content_dir": content}},
        "postgres": {
            "inputs": {"exporter_postgres_password": secret("postgres", secrets)},
            "secrets": {"secrets/pgpass": "0400"},
            "setting": ({"postgres_address": "127.0.0.1:5433/postgres"}, "127.0.0.1:5433/postgres"),
        },
        "redis": {
            "inputs": {"exporter_redis_password": secret("redis", secrets)},
            "secrets": {"secrets/environment": "0600"},
            "setting": ({"redis_address": "redis://127.0.0.1:6380"}, "(secret changed)"),
        },
        "process": {"inputs": {"exporter_process_names": [{"name": "init", "comm": ["systemd"]}]}},
        "mysqld": {
            "inputs": {"exporter_mysqld_password": secret("mysqld", secrets)},
            "secrets": {"secrets/my.cnf": "0400"},
            "setting": ({"mysqld_address": "127.0.0.1:3307"}, "(secret changed)"),
        },
    }


_ALERTMANAGER = (
    "slack_webhook_url",
    "pagerduty_critical_key",
    "pagerduty_error_key",
    "rollback_webhook_secret",
    "smtp_password",
)


def _exporter(exporter: Exporter, **row: Any) -> Service:
    name = exporter.name
    return Service(
        **{
            "unit": f"{name}-exporter",
            "role": "exporter",
            "port": exporter.port,
            "root": f"/etc/{name}-exporter",
            "binaries": tuple((own, f"/usr/bin/{debian}") for own, debian in exporter.binaries.items()),
            "prefix": "exporter",
            "ready": "/metrics",
            "setting": ({"listen_address": "0.0.0.0:9109"}, "0.0.0.0:9109"),
            **row,
            "inputs": {"exporter_name": name, **row.get("inputs", {})},
        }
    )


_ALONE = {"nginx-exporter"} if os_release() == "bookworm" else set()
"""Debian 12's does not start where no nginx answers, as on the hosts of these tests."""

UNITS = tuple(unit for unit in services("", "") if unit not in _ALONE)
