"""Filters that turn the inventory into the daemon's settings, its own inventory and its known hosts."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from rollback.domain.policy import MODES, Mode

Vars = Mapping[str, Any]

# What the role `application` is told when the daemon runs the playbook, where the site says something.
CARRIED = (
    "application_port",
    "application_listen_address",
    "application_ready_timeout",
    "application_rollback_batches",
    "application_rollback_max_fail_percentage",
    "application_web_tls_cert",
)
PROBE = "/health/ready"
NOTE = "# Written by the role `rollback`; changes made here are lost.\n"


def settings_text(settings: Vars, changes: Vars) -> str:
    """Return settings.yml: what the role knows, then what the site says, which wins."""
    return NOTE + _dump({**settings, **changes})


def without_hosts(settings: Vars, changes: Vars) -> dict[str, Any]:
    """Return the settings of a daemon that reaches no host over SSH: who names no executor is only asked."""
    if "executor" in changes:
        return dict(settings)
    sentence = "expected rollback_settings.executor in the site file (docs/compose.md), found none"
    argv = ["sh", "-c", f"echo {quote(sentence)} >&2; exit 1"]
    triggers = {name: str(Mode.PROPOSE) for name, mode in MODES.items() if mode is Mode.AUTO}
    return {**settings, "triggers": triggers, "executor": {"kind": "command", "argv": argv}}


def inventory_text(hostvars: Mapping[str, Vars], hosts: Sequence[str], connection: Vars) -> str:
    """Return the inventory with which the daemon reaches the application hosts."""
    named = {name: _host(name, hostvars[name]) for name in hosts}
    group = {"hosts": named, "vars": dict(connection)}
    return NOTE + _dump({"all": {"children": {"application": group}}})


def probe_urls(hostvars: Mapping[str, Vars], hosts: Sequence[str]) -> dict[str, str]:
    """Return each host's readiness probe as the daemon's host reaches it."""
    return {name: _probe(name, hostvars[name]) for name in hosts}


def probe_authorities(hostvars: Mapping[str, Vars], hosts: Sequence[str]) -> list[dict[str, str]]:
    """Return the file with the certificates that those probes show; none where nobody uses TLS."""
    found = {hostvars[name].get("application_web_tls_cert", "").strip() for name in hosts} - {""}
    text = "".join(f"{certificate}\n" for certificate in sorted(found))
    return [{"path": "web/probes-ca.crt", "content": text}] if found else []


def known_hosts_text(
    hostvars: Mapping[str, Vars], hosts: Sequence[str], keys: Sequence[str], port: int
) -> str:
    """Return one line per host with the host key that was read over a connection trusted already."""
    addresses = [_address(name, hostvars[name]) for name in hosts]
    names = [address if port == 22 else f"[{address}]:{port}" for address in addresses]
    return "".join(f"{name} {' '.join(key.split()[:2])}\n" for name, key in zip(names, keys, strict=True))


def neighbours(names: Sequence[str], asked: Iterable[Vars]) -> dict[str, Any]:
    """Return the settings, secrets and files with which the daemon asks each of these services."""
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    files: list[dict[str, str]] = []
    for name, one in zip(names, asked, strict=True):
        settings |= {f"{name}_url": one["url"]} if one else {}
        settings |= {f"{name}_other_urls": one["others"]} if "others" in one else {}
        if "username" in one:
            settings |= {f"{name}_username": one["username"]}
            settings |= {f"{name}_password_file": f"secrets/{name}_password"}
            secrets[f"{name}_password"] = one["password"]
        if "ca" in one:
            settings[f"{name}_ca_file"] = f"web/{name}-ca.crt"
            files.append({"path": f"web/{name}-ca.crt", "content": one["ca"]})
    return {"settings": settings, "secrets": secrets, "files": files}


def _host(name: str, variables: Vars) -> dict[str, Any]:
    carried = {key: variables[key] for key in CARRIED if key in variables}
    return {"ansible_host": _address(name, variables), **carried}


def _probe(name: str, variables: Vars) -> str:
    scheme = "https" if variables.get("application_web_tls_cert") else "http"
    host = _address(name, variables)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{variables.get('application_port', 8080)}{PROBE}"


def _address(name: str, variables: Vars) -> str:
    return str(variables.get("internal_address", name))


def _dump(content: Any) -> str:
    return yaml.safe_dump(_plain(content), sort_keys=False, width=120)


def _plain(value: Any) -> Any:
    """Return the value without the tags that Ansible hangs on what it read."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_rollback_settings": settings_text,
            "mita_rollback_without_hosts": without_hosts,
            "mita_rollback_inventory": inventory_text,
            "mita_rollback_probes": probe_urls,
            "mita_rollback_known_hosts": known_hosts_text,
            "mita_rollback_neighbours": neighbours,
            "mita_rollback_probe_authorities": probe_authorities,
        }
