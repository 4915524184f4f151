"""Filters for scraping, and alerting through, ports that ask for TLS or a password."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.patch import merge
from monitoring.yaml_text import read_yaml

KEYS = {"username", "password", "tls", "ca", "server_name", "cert", "key"}
PAIRS = (("username", "password"), ("cert", "key"))

Access = Mapping[str, Any]
File = dict[str, Any]


def access_overrides(
    access: Mapping[str, Access], directory: str, overrides: Mapping[str, Any], alerts_path: str = ""
) -> Any:
    """Return *overrides* laid over the patch of prometheus.yml that *access* to its jobs needs.

    *alerts_path* is what is before every path of Alertmanager.
    """
    access = json.loads(json.dumps(access))
    for job, given in access.items():
        _check(job, given)
    patch: dict[str, Any] = {}
    if access:
        patch["scrape_configs"] = [{"job_name": job, **_client(job, access[job])} for job in sorted(access)]
    delivery = _client("alertmanager", access.get("alertmanager", {}))
    delivery |= {"path_prefix": alerts_path} if alerts_path else {}
    if delivery:
        patch["alerting"] = _alerting(Path(directory), delivery)
    return merge(patch, json.loads(json.dumps(overrides)))


def access_files(access: Mapping[str, Access]) -> list[File]:
    """Return the files of passwords and certificates that `access_overrides` names, read at each use."""
    files = []
    for job in sorted(access):
        if "password" in access[job]:
            content = str(access[job]["password"])
            files.append({"path": _password(job), "content": content, "secret": True, "apply": "none"})
        if "ca" in access[job]:
            files.append({"path": _authority(job), "content": str(access[job]["ca"]), "apply": "none"})
        if "cert" in access[job]:
            files.append({"path": _shown(job), "content": _line(access[job]["cert"]), "apply": "none"})
            content = _line(access[job]["key"])
            files.append({"path": _shown_key(job), "content": content, "secret": True, "apply": "none"})
    return files


def _client(job: str, given: Access) -> dict[str, Any]:
    client: dict[str, Any] = {}
    if given.get("tls") or "ca" in given:
        client["scheme"] = "https"
    if "username" in given:
        client["basic_auth"] = {"username": given["username"], "password_file": _password(job)}
    tls = {"ca_file": _authority(job)} if "ca" in given else {}
    tls |= {"server_name": given["server_name"]} if "server_name" in given else {}
    tls |= {"cert_file": _shown(job), "key_file": _shown_key(job)} if "cert" in given else {}
    return {**client, "tls_config": tls} if tls else client


def _alerting(directory: Path, client: Mapping[str, Any]) -> dict[str, Any]:
    config = read_yaml((directory / "prometheus.yml").read_text(encoding="utf-8"))
    return {"alertmanagers": [{**one, **client} for one in config["alerting"]["alertmanagers"]]}


def _check(job: str, given: Access) -> None:
    if set(given) - KEYS or any((one in given) != (other in given) for one, other in PAIRS):
        raise AnsibleFilterError(
            f"access to the job {job} is username with password, tls, ca, server_name, and cert with "
            f"key, each if needed; found {', '.join(sorted(given)) or 'nothing'}"
        )


def _password(job: str) -> str:
    return f"secrets/access-{job}"


def _authority(job: str) -> str:
    return f"access/{job}.crt"


def _shown(job: str) -> str:
    return f"access/{job}.client.crt"


def _shown_key(job: str) -> str:
    return f"secrets/access-{job}.key"


def _line(text: Any) -> str:
    return f"{str(text).strip()}\n"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_access_files": access_files, "mita_access_overrides": access_overrides}
