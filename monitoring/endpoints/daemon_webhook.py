"""Alertmanager's way to the rollback daemon of a site, which alertmanager.yml has at its usual place."""

from collections.abc import Mapping
from typing import Any

import yaml

from monitoring.patch import merge
from monitoring.yaml_text import read_yaml

USUAL = "http://127.0.0.1:8000/"
CA, CERT, KEY = "daemon/ca.crt", "daemon/client.crt", "secrets/daemon-client-key"

File = dict[str, Any]
Neighbour = Mapping[str, Any]


def delivered(text: str, daemon: Neighbour) -> str:
    """alertmanager.yml with the daemon where it is, or without it where a site has none."""
    if daemon and not {"ca", "cert"} & set(daemon):
        return text.replace(USUAL, f"{daemon['url']}/")
    config = read_yaml(text)
    changed = [
        {**receiver, "webhook_configs": [_hook(hook, daemon) for hook in hooks] if daemon else None}
        for receiver in config.get("receivers") or []
        if (
            hooks := [hook for hook in receiver.get("webhook_configs") or [] if hook["url"].startswith(USUAL)]
        )
    ]
    return yaml.safe_dump(merge(config, {"receivers": changed}), sort_keys=False) if changed else text


def _hook(hook: Mapping[str, Any], daemon: Neighbour) -> dict[str, Any]:
    tls = {"ca_file": CA} if "ca" in daemon else {}
    tls |= {"server_name": daemon["server_name"]} if "server_name" in daemon else {}
    tls |= {"cert_file": CERT, "key_file": KEY} if "cert" in daemon else {}
    url = hook["url"].replace(USUAL, f"{daemon['url']}/")
    return {**hook, "url": url, "http_config": {**hook.get("http_config", {}), "tls_config": tls}}


def webhook_files(daemon: Neighbour) -> list[File]:
    """The files that this configuration names; they are read at each use."""
    named = {CA: daemon.get("ca"), CERT: daemon.get("cert"), KEY: daemon.get("key")}
    return [
        {"path": path, "content": f"{text.strip()}\n", "secret": path == KEY, "apply": "none"}
        for path, text in named.items()
        if text
    ]
