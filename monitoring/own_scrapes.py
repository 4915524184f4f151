"""What a site adds to prometheus.yml: scrapes of its own jobs, labels of what leaves, stores."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from monitoring.errors import CatalogError
from monitoring.patch import merge

PROBE = "blackbox-http"
"""The scrape whose form the probes of a site have."""
REPLICA = "replica"
"""The label by which two Prometheus of one site differ, and their alerts must not."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SOURCES = re.compile(r"\w+_sd_configs|static_configs")

Config = dict[str, Any]


def patch(
    config: Mapping[str, Any],
    jobs: Mapping[str, Mapping[str, Any]],
    *,
    labels: Mapping[str, Any],
    stores: Iterable[Mapping[str, Any]],
) -> Config:
    """The patch of a configuration: a scrape for each job that has none, what jobs say, and the rest."""
    known = {scrape["job_name"]: scrape for scrape in config.get("scrape_configs") or []}
    scrapes = [
        _scrape(name, job, known) for name, job in jobs.items() if name not in known or "scrape" in job
    ]
    found: Config = {"scrape_configs": scrapes} if scrapes else {}
    if labels:
        found["global"] = {"external_labels": _labels(labels)}
    if REPLICA in labels:
        found["alerting"] = {"alert_relabel_configs": [{"regex": REPLICA, "action": "labeldrop"}]}
    if written := [_store(store) for store in stores]:
        found["remote_write"] = written
    return found


def _scrape(name: str, job: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Config:
    said = job.get("scrape", {})
    if not isinstance(said, Mapping) or "job_name" in said:
        raise CatalogError(
            f"prometheus_jobs: expected scrape of {name} as {{metrics_path: ..., scrape_interval: ...}}, "
            f"found {said!r}"
        )
    if name in known:
        return {"job_name": name, **said}
    base = copy.deepcopy(dict(known[PROBE])) if "url_path" in job else {}
    own = {"job_name": name, "file_sd_configs": [{"files": [f"targets/{name}.yml"]}]}
    found: Config = merge({**base, **own}, said)
    return found


def _labels(labels: Mapping[str, Any]) -> dict[str, str]:
    for name, value in labels.items():
        if not _LABEL.fullmatch(str(name)) or not isinstance(value, str):
            raise CatalogError(
                f"prometheus_external_labels: expected names and texts such as {{site: sofia}}, "
                f"found {name}: {value!r}"
            )
    return dict(labels)


def _store(store: Any) -> Config:
    address = urlsplit(str(store.get("url", ""))) if isinstance(store, Mapping) else urlsplit("")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise CatalogError(
            "prometheus_remote_write: expected each as Prometheus has it, with url: https://HOST/PATH, "
            f"found {store!r}"
        )
    return dict(store)


def refuse_idle(config: Mapping[str, Any]) -> None:
    """CatalogError for a scrape that can never find a target."""
    for scrape in config.get("scrape_configs") or []:
        if not any(_SOURCES.fullmatch(name) and value for name, value in scrape.items()):
            raise CatalogError(
                f"expected the scrape {scrape.get('job_name')} to say where its targets are, found nothing; "
                f"add the job to prometheus_jobs, give it static_configs, or mend its name "
                "in prometheus_overrides"
            )
