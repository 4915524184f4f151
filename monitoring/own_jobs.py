"""What a site may say of one of its scrape jobs, beyond its shape."""

from collections.abc import Mapping
from typing import Any

from monitoring.endpoints import address
from monitoring.errors import CatalogError

KEYS = ("groups", "port", "service", "url_path", "scheme", "also", "scrape")


def check(name: str, job: Mapping[str, Any]) -> None:
    """CatalogError where Prometheus could not ask what the job says, or never would."""
    place = f"prometheus_jobs: {name}"
    for key in job:
        if key not in KEYS:
            raise CatalogError(f"{place}: expected some of {', '.join(KEYS)}, found {key}")
    if not str(job.get("url_path", "/")).startswith("/"):
        raise CatalogError(f"{place}: expected url_path to begin with /, found {job['url_path']!r}")
    if job.get("scheme", "http") not in ("http", "https"):
        raise CatalogError(f"{place}: expected scheme http or https, found {job['scheme']!r}")
    for one in job.get("also", ()):
        _check_target(f"{place}: also", one, "url_path" in job)


def _check_target(place: str, one: Mapping[str, Any], probed: bool) -> None:
    """The exporter that probes takes more than an address with its port: a URL, a name to look up."""
    target, labels = one["target"], one.get("labels", {})
    if set(one) - {"target", "labels"} or not isinstance(labels, Mapping):
        raise CatalogError(f"{place}: expected {{target: ..., labels: {{NAME: TEXT}}}}, found {dict(one)!r}")
    if not probed and not address.split(str(target), place, 9100)[0]:
        raise CatalogError(f"{place}: expected a host before the port, found {target!r}")
