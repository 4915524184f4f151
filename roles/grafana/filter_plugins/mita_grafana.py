"""Filters that turn the repository's dashboards and the inventory into the files of one Grafana."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.grafana import ADDRESSES

File = dict[str, Any]
Access = Mapping[str, Any]
UID = "mita-prometheus"


def settings(ours: Mapping[str, Mapping[str, Any]], site: Any) -> str:
    """Return Grafana's ini file: our settings with those of the site laid over them, None left out."""
    if not isinstance(site, Mapping) or not all(isinstance(keys, Mapping) for keys in site.values()):
        raise AnsibleFilterError(
            f"grafana_settings: expected keys by section, such as {{smtp: {{enabled: true}}}}, found {site!r}"
        )
    sections = {name: {**ours.get(name, {}), **site.get(name, {})} for name in sorted({*ours, *site})}
    return "\n".join(_section(name, keys) for name, keys in sections.items())


def _section(name: str, keys: Mapping[str, Any]) -> str:
    lines = [
        f"{key} = {_value(name, key, value)}"
        for key, value in sorted(keys.items())
        if value not in (None, "")
    ]
    return "\n".join([f"[{name}]", *lines, ""])


def _value(section: str, key: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (Mapping, list)) or "\n" in text or '"""' in text:
        raise AnsibleFilterError(f"grafana_settings: expected one line for {section}.{key}, found {value!r}")
    return f'"""{text}"""' if any(mark in text for mark in "#;`") else text


def dashboards(directory: str, links: Any = None) -> list[File]:
    """Return the dashboards of the content in *directory*, with the addresses of a site in their links."""
    found = {path.name: _dashboard(path) for path in sorted(Path(directory, "dashboards").glob("*.json"))}
    uids = Counter(json.loads(text)["uid"] for text in found.values())
    if not found or any(count > 1 for count in uids.values()):
        twice = [uid for uid, count in uids.items() if count > 1]
        raise AnsibleFilterError(
            f"expected dashboards with a uid of their own in {directory}/dashboards, "
            f"found {f'{twice[0]} twice' if twice else 'none'}"
        )
    known = _links(links or {})
    return [
        {"path": f"dashboards/{name}", "content": _linked(text, known), "apply": "none"}
        for name, text in found.items()
    ]


def _links(given: Any) -> dict[str, str]:
    known = given if isinstance(given, Mapping) else {"": given}
    if not all(name in ADDRESSES and _is_link(url) for name, url in known.items()):
        raise AnsibleFilterError(
            f"grafana_links: expected addresses of {', '.join(ADDRESSES)}, found {given!r}"
        )
    return {name: str(url).rstrip("/") for name, url in known.items() if url}


def _is_link(url: Any) -> bool:
    return not url or str(url).startswith(("http://", "https://"))


def _linked(text: str, links: Mapping[str, str]) -> str:
    for name, url in links.items():
        text = text.replace(json.dumps(ADDRESSES[name]), json.dumps(url))
    return text


def _dashboard(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    try:
        page = json.loads(text)
        lacking = [key for key in ("uid", "title", "panels") if not page.get(key)]
    except (ValueError, AttributeError) as error:
        raise AnsibleFilterError(f"expected a dashboard in {path}, found {error}") from error
    if lacking:
        raise AnsibleFilterError(
            f"expected uid, title and panels in {path}, found no {' and no '.join(lacking)}"
        )
    return text


def provider(directory: str) -> str:
    """Return the file that tells Grafana to show what lies in *directory*, and to forget what does not."""
    options = {"path": directory}
    one = {
        "name": "mita",
        "orgId": 1,
        "folder": "MITA",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 10,
        "options": options,
    }
    return yaml.safe_dump({"apiVersion": 1, "providers": [one]}, sort_keys=False)


def source(near: Mapping[str, Any], url: str = "", access: Access | None = None) -> list[File]:
    """Return the file with the data source: the Prometheus that is *near*, or the one that is said."""
    asked = url or near.get("url", "")
    if not asked:
        raise AnsibleFilterError(
            "expected a host in the group monitoring, or grafana_prometheus_url, found neither; "
            "Grafana has nothing to show without a Prometheus"
        )
    given = _plain(access or near)
    content = {"apiVersion": 1, "datasources": [_prometheus(asked, given)]}
    return [
        {
            "path": "provisioning/datasources/mita.yml",
            "content": yaml.safe_dump(content, sort_keys=False),
            "secret": "password" in given,
        }
    ]


def _prometheus(url: str, given: Access) -> dict[str, Any]:
    data: dict[str, Any] = {"httpMethod": "POST", "timeInterval": "15s"}
    secret: dict[str, str] = {}
    login: dict[str, Any] = {}
    if "username" in given:
        login = {"basicAuth": True, "basicAuthUser": _literal(given["username"])}
        secret["basicAuthPassword"] = _literal(given["password"])
    if "ca" in given:
        data["tlsAuthWithCACert"] = True
        secret["tlsCACert"] = _literal(given["ca"])
    if "server_name" in given:
        data["serverName"] = _literal(given["server_name"])
    base = {"name": "Prometheus", "uid": UID, "type": "prometheus", "access": "proxy", "orgId": 1}
    ends = {"isDefault": True, "editable": False, **login, "jsonData": data}
    return {**base, "url": _literal(url), **ends, **({"secureJsonData": secret} if secret else {})}


def _literal(text: Any) -> str:
    """Return the text as Grafana takes it literally: it replaces what looks like a variable."""
    return str(text).replace("$", "$$")


def _plain(value: Any) -> Any:
    """Return *value* without the tags that Ansible hangs on what it read, which no YAML writer knows."""
    return json.loads(json.dumps(value))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_grafana_dashboards": dashboards,
            "mita_grafana_provider": provider,
            "mita_grafana_settings": settings,
            "mita_grafana_source": source,
        }
