"""What is not as it must be after an installation, one sentence each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..mita_service import probe
from ..mita_service.model import Ready
from . import stores

DATABASES = {
    "pg_up": "the exporter cannot ask its PostgreSQL",
    "redis_up": "the exporter cannot ask its Redis",
    "mysql_up": "the exporter cannot ask its MySQL",
    "nginx_up": "the exporter cannot ask its nginx",
}
"""Series that are 0 where an exporter answers and what it describes does not."""
OFF = "connection refused"


class Site:
    """What is expected, as the task gives it."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Take the parameters."""
        self.mode = params["mode"]
        self.prometheus = _asked(params["prometheus"])
        self.alertmanagers = [_asked(one) for one in params["alertmanagers"]]
        self.targets = params["targets"]
        self.heartbeat = params["heartbeat"]


class SilentError(Exception):
    """Somebody gave no answer that can be read; the message says who and what."""


def troubles(site: Site) -> list[str]:
    """Return what is wrong now, nothing once all is well."""
    try:
        return [*_targets(site), *_ASKED[site.mode](site), *_alerts(site), *_cluster(site.alertmanagers)]
    except SilentError as error:
        return [str(error)]


def _targets(site: Site) -> Iterator[str]:
    answer = _get(site.prometheus, "/api/v1/targets?state=active")
    active = {
        (one["labels"]["job"], one["labels"]["instance"]): one for one in answer["data"]["activeTargets"]
    }
    for wanted in site.targets:
        found = active.get((wanted["job"], wanted["instance"]))
        name = f"{wanted['job']} on {wanted['instance']}"
        if found is None:
            yield f"{name} is not asked by Prometheus"
        elif found["health"] != "up" and not (wanted["may_be_off"] and found["lastError"].endswith(OFF)):
            yield f"{name} ({found['scrapeUrl']}) is not up: {found['lastError'] or 'not asked yet'}"


def _databases(site: Site) -> Iterator[str]:
    for series, words in DATABASES.items():
        answer = _get(site.prometheus, f"/api/v1/query?query={series}%3D%3D0")
        for one in answer["data"]["result"]:
            yield f"{one['metric'].get('instance', series)}: {words}, {series} is 0"


def _stores(site: Site) -> Iterator[str]:
    yield from stores.troubles(_read(site.prometheus, "/metrics"))


_ASKED = {"server": _databases, "agent": _stores}


def _alerts(site: Site) -> Iterator[str]:
    for one in site.alertmanagers:
        alerts = _get(one, "/api/v2/alerts") if site.heartbeat else _get(one, "/api/v2/status")
        names = {alert["labels"]["alertname"] for alert in alerts} if site.heartbeat else set()
        if site.heartbeat and site.heartbeat not in names:
            yield f"Alertmanager ({one.url}) has no {site.heartbeat}, which Prometheus always sends"


def _cluster(members: Sequence[Ready]) -> Iterator[str]:
    """Several Alertmanagers that do not know each other tell people everything several times."""
    for one in members if len(members) > 1 else ():
        known = len(_get(one, "/api/v2/status")["cluster"].get("peers") or [])
        if known < len(members):
            yield (
                f"Alertmanager ({one.url}) knows {known} of the {len(members)} members of its cluster, "
                "itself included; let the others reach its alertmanager_cluster_listen_address, TCP and UDP"
            )


def _read(asked: Ready, path: str) -> str:
    status, text = probe.get(f"{asked.url}{path}", asked)
    if status != 200:
        raise SilentError(f"{asked.url}{path} answered {status or 'nothing'}: {text.strip()[:300]}")
    return text


def _get(asked: Ready, path: str) -> Any:
    text = _read(asked, path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise SilentError(f"{asked.url}{path} answered no JSON: {text.strip()[:100]}") from error


def _asked(given: Mapping[str, Any]) -> Ready:
    return Ready(**{name: value for name, value in given.items() if value is not None})
