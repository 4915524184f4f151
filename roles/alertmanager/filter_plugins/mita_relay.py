"""Filters that put the program `relay` between Alertmanager and Slack."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.catalog import dump
from monitoring.delivery.channels import COMMON, KIND
from monitoring.delivery.saying import SECRETS, changed_entries
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_closing import LOOPBACK, program_files

MARK = (
    "{{ .Status }} {{ range .Alerts.Firing }}{{ .Labels.severity }},{{ end }} | "
    '{{ printf "%q" .Receiver }}'
    '{{ range .GroupLabels.SortedPairs }} {{ .Name }}={{ printf "%q" .Value }}{{ end }}\n'
)
"""How loud a message is and what it is about, as relay/message.py reads it."""
CONNECTION = {"proxy_url", "follow_redirects", "enable_http2"}
"""What of a connection's settings the relay can do itself; with others, Alertmanager goes on to ask Slack."""
LATE_S, KEEP_S, LONGEST_PAUSE_S = 300, 24 * 3600, 15
_NAME = re.compile(re.escape(SECRETS) + r"([\w.-]+)", re.ASCII)

File = dict[str, Any]
Entry = Mapping[str, Any]


def behind_relay(files: Sequence[File], port: int, host: str = LOOPBACK) -> list[File]:
    """Return Alertmanager's files: messages to Slack go to the relay, and their addresses with them."""
    before = _config(files)
    names = {name for name, _ in _relayed(before)}

    def change(entry: Entry) -> dict[str, Any]:
        if not (name := _name(before, entry)):
            return dict(entry)
        kept = {key: value for key, value in entry.items() if key not in ("api_url_file", "http_config")}
        own = str(entry.get("callback_id", ""))
        direct = {"follow_redirects": False}  # no proxy of the site's stands before this host itself
        address = f"http://{host}:{port}/{name}"
        return kept | {"api_url": address, "callback_id": MARK + own, "http_config": direct}

    after = changed_entries(before, KIND, change)
    if not any("api_url_file" not in one and "api_url" not in one for one in _entries(after)):
        after = after | {
            "global": {key: one for key, one in (after.get("global") or {}).items() if key != COMMON}
        }
    text = dump(after)
    gone = {f"secrets/{name}" for name in names if SECRETS + name not in text}
    changed = {"alertmanager.yml": {"content": text}} if names else {}
    return [{**one, **changed.get(one["path"], {})} for one in files if one["path"] not in gone]


def relay_files(
    files: Sequence[File], port: int, *, time_scale: float, directory: str, host: str = LOOPBACK
) -> list[File]:
    """Return the relay's files: settings, the addresses that it sends to, and the program in *directory*."""
    found = dict(_relayed(_config(files)))
    settings = {
        "host": host,
        "port": port,
        "addresses": {
            name: {"file": f"/etc/mita-relay/secrets/{name}", "proxy": proxy} for name, proxy in found.items()
        },
        "late_s": LATE_S / time_scale,
        "keep_s": KEEP_S,
        "longest_pause_s": max(LONGEST_PAUSE_S / time_scale, 1),
    }
    secrets = {f"secrets/{name}" for name in found}
    return [
        {"path": "relay.json", "content": json.dumps(settings, indent=1) + "\n", "apply": "restart"},
        *(one for one in files if one["path"] in secrets),
        *program_files("relay", directory, apply="restart"),
    ]


def _relayed(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name of each address that the relay can send to, with the proxy on the way."""
    proxies: dict[str, str] = {}
    for entry in _entries(config):
        if name := _name(config, entry):
            proxy = str(_connection(config, entry).get("proxy_url") or "")
            if proxies.setdefault(name, proxy) != proxy:
                raise AnsibleFilterError(
                    f"alertmanager: expected one proxy_url for all messages to {name}, found two"
                )
    yield from proxies.items()


def _name(config: Mapping[str, Any], entry: Entry) -> str:
    """The name of the secret with its address; nothing where Alertmanager must ask Slack itself."""
    common = (config.get("global") or {}).get(COMMON, "")
    path = "" if "api_url" in entry else str(entry.get("api_url_file") or common)
    found = _NAME.fullmatch(path)
    return found.group(1) if found and set(_connection(config, entry)) <= CONNECTION else ""


def _connection(config: Mapping[str, Any], entry: Entry) -> Mapping[str, Any]:
    return entry.get("http_config") or (config.get("global") or {}).get("http_config") or {}


def _entries(config: Mapping[str, Any]) -> Iterator[Entry]:
    for receiver in config.get("receivers") or ():
        yield from receiver.get(KIND) or ()


def _config(files: Sequence[File]) -> dict[str, Any]:
    (text,) = (one["content"] for one in files if one["path"] == "alertmanager.yml")
    found: dict[str, Any] = read_yaml(text)
    return found


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_behind_relay": behind_relay, "mita_relay_files": relay_files}
