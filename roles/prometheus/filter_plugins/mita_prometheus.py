"""Filters that turn the repository's Prometheus content and the inventory into the files of one host."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring import catalog
from monitoring.exporters import Exporter, load_exporters

File = dict[str, Any]
PUBLIC = "blackbox-public"
EXPORTER = "exporter_listen_address"
LISTENS = {
    "prometheus": "prometheus_listen_address",
    "alertmanager": "alertmanager_listen_address",
    "mita-rollback": "rollback_listen_address",
    "grafana": "grafana_listen_address",
}
"""The input that says where a job's targets listen. Without it they are on loopback, where that is enough."""


def prometheus_files(
    directory: str,
    *,
    time_scale: float = 1,
    overrides: Mapping[str, Any] | None = None,
    alert_overrides: Mapping[str, Any] | None = None,
    slo: Mapping[str, Any] | None = None,
    runbooks_url: str = "",
    dashboards_url: str = "",
) -> list[File]:
    """Return prometheus.yml and the rule files of the content in *directory*."""
    source = Path(directory)
    try:
        text = (source / "prometheus.yml").read_text(encoding="utf-8")
        config = catalog.render_prometheus(text, time_scale=time_scale, overrides=_plain(overrides or {}))
        rules = catalog.render_rules(
            source / "rules",
            overrides=_plain(alert_overrides or {}),
            links=catalog.Links(_plain(runbooks_url), _plain(dashboards_url)),
            time_scale=time_scale,
            promised=_plain(slo),
        )
    except (catalog.CatalogError, OSError) as error:
        raise AnsibleFilterError(f"the Prometheus content in {directory} was refused: {error}") from error
    files = [{"path": "prometheus.yml", "content": config}]
    return files + [{"path": f"rules/{name}", "content": rules[name]} for name in sorted(rules)]


def exporters(_: object, groups: Iterable[str] | None = None) -> list[str]:
    """Return the names of all exporters, or of those that run on a host of these inventory groups."""
    found = _exporters().values()
    return [one.name for one in found if groups is None or one.describes(groups)]


def exporter_jobs(_: object) -> dict[str, Mapping[str, Any]]:
    """Return the scrape jobs of every exporter, as `prometheus_jobs` holds a job."""
    return {job: spec for one in _exporters().values() for job, spec in one.jobs.items()}


def all_jobs(ours: Mapping[str, Any], site: Any) -> dict[str, Any]:
    """Return the jobs of the exporters with those of the site laid over them; raise where one is none.

    A site takes a job of an exporter away by None. Any other name with None is a mistake.
    """
    given = site if isinstance(site, Mapping) else {"": site}
    for name, job in given.items():
        if not (_is_job(name, job) or (job is None and name in ours)):
            raise AnsibleFilterError(
                "prometheus_jobs: expected each job by its name as {groups: [...], port: NUMBER}, with also: "
                f"[{{target: ...}}] for what is no inventory host; found {name or 'no names'}: {job!r}"
            )
    return {name: job for name, job in {**ours, **given}.items() if job is not None}


def _is_job(name: Any, job: Any) -> bool:
    return (
        isinstance(name, str)
        and re.fullmatch(r"[\w.-]+", name) is not None
        and isinstance(job, Mapping)
        and isinstance(job.get("groups"), list)
        and (not job["groups"] or str(job.get("port")).isdecimal())
        and isinstance(also := job.get("also", []), list)
        and all(isinstance(one, Mapping) and "target" in one for one in also)
    )


def _exporters() -> dict[str, Exporter]:
    try:
        return load_exporters(Path(__file__).resolve().parents[2] / "exporter" / "vars")
    except catalog.CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def target_files(
    jobs: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Iterable[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    *,
    environment: str,
    here: str = "",
    access: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[File]:
    """Return one targets file for each job that has hosts; Prometheus watches them, none needs a reload.

    *here* is the host whose Prometheus scrapes: what listens there on loopback is asked there.
    """
    files = []
    for job in sorted(jobs):
        hosts = sorted({host for group in jobs[job]["groups"] for host in groups.get(group, [])})
        closed = {
            host
            for host in hosts
            if here
            and not _encrypted((access or {}).get(job, {}))
            and _on_loopback(job, host, groups, hostvars)
        }
        if away := sorted(closed - {here}):
            raise AnsibleFilterError(
                f"expected {job} on {away[0]} to listen where the Prometheus of {here} can ask it, "
                f"found it on loopback; set {_listens(job)} for {away[0]}, such as 0.0.0.0, and say who may"
            )
        addresses = {
            host: "127.0.0.1" if host in closed else str(hostvars[host].get("internal_address", host))
            for host in hosts
        }
        entries = [_target(job, jobs[job], host, addresses[host], environment) for host in hosts]
        if job == "node":
            for host, entry in zip(hosts, entries, strict=True):
                entry["labels"] |= _clock(hostvars[host])
        entries += [_given(job, jobs[job], other, environment) for other in jobs[job].get("also", [])]
        if entries:
            files.append({"path": f"targets/{job}.yml", "content": _dump(entries), "apply": "watched"})
    return files


def _on_loopback(
    job: str,
    host: str,
    groups: Mapping[str, Iterable[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Whether only the host itself reaches what listens there, by what is said of it or by default."""
    said = str(hostvars[host].get(_listens(job), ""))
    if said:
        return said.startswith(("127.", "localhost", "[::1]", "::1"))
    alone = list(groups.get("monitoring", [])) == [host]
    return job in LISTENS or (alone and _listens(job) == EXPORTER)


def _listens(job: str) -> str:
    """The input that says where the targets of a job listen, or nothing where no input of ours does."""
    return LISTENS.get(job, EXPORTER if job in _exporters() else "")


def _encrypted(access: Mapping[str, Any]) -> bool:
    """Whether a job is asked over TLS: a port with a certificate is there for others, asked by its name."""
    return bool(access.get("tls") or "ca" in access)


def public_target_files(endpoints: Any, *, environment: str) -> list[File]:
    """Return the targets file with the addresses that users type, or nothing where the site names none."""
    if not isinstance(endpoints, list):
        raise AnsibleFilterError(f"prometheus_public_endpoints: expected a list, found {endpoints!r}")
    entries = [_public(endpoint, environment) for endpoint in endpoints]
    twice = [url for url, count in Counter(entry["targets"][0] for entry in entries).items() if count > 1]
    if twice:
        raise AnsibleFilterError(
            f"prometheus_public_endpoints: expected each url once, found {twice[0]} twice"
        )
    if not entries:
        return []
    return [{"path": f"targets/{PUBLIC}.yml", "content": _dump(entries), "apply": "watched"}]


def _public(endpoint: Any, environment: str) -> dict[str, Any]:
    given = endpoint if isinstance(endpoint, Mapping) else {}
    texts = all(isinstance(value, str) and value for value in given.values())
    if not texts or not {"url", "service"} <= set(given) <= {"url", "service", "module"}:
        raise AnsibleFilterError(
            "prometheus_public_endpoints: expected url and service, and module if it is not http_2xx, "
            f"each a text; found {endpoint!r}"
        )
    address = urlsplit(given["url"])
    if address.scheme not in ("http", "https") or not address.hostname:
        raise AnsibleFilterError(
            "prometheus_public_endpoints: expected a url such as https://www.example.org/, "
            f"found {given['url']!r}"
        )
    module = {"__tmp_module": given["module"]} if "module" in given else {}
    labels = {"env": environment, "service": given["service"], **module}
    return {"targets": [given["url"]], "labels": labels}


def expected_files(targets: Iterable[File], content: Iterable[File]) -> list[File]:
    """Return the rule file with the number of targets that each scraped job has in the inventory."""
    config = next(file["content"] for file in content if file["path"] == "prometheus.yml")
    scraped = {job["job_name"] for job in yaml.safe_load(config).get("scrape_configs") or []}
    rules = [
        {"record": "job:targets:expected", "expr": f"vector({count})", "labels": labels}
        for file in targets
        if (job := Path(file["path"]).stem) in scraped
        for labels, count in _counted(job, yaml.safe_load(file["content"]))
    ]
    groups = {"groups": [{"name": "expected", "rules": rules}]}
    return [{"path": "rules/expected.rules.yml", "content": _dump(groups)}]


def _counted(job: str, entries: Iterable[Mapping[str, Any]]) -> list[tuple[dict[str, str], int]]:
    kinds = Counter((entry["labels"]["service"], entry["labels"]["env"]) for entry in entries)
    return [({"job": job, "service": service, "env": env}, count) for (service, env), count in kinds.items()]


def _target(job: str, spec: Mapping[str, Any], host: str, address: str, environment: str) -> dict[str, Any]:
    target = f"{address}:{spec['port']}"
    if "url_path" in spec:
        target = f"{spec.get('scheme', 'http')}://{target}{spec['url_path']}"
    labels = {"instance": host, "host": host, "env": environment, "service": spec.get("service", job)}
    if "url_path" in spec:
        labels["instance"] = target
    return {"targets": [target], "labels": labels}


def _clock(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of a host that has no time service on purpose."""
    return {"time_service": "none"} if variables.get("time_service") == "none" else {}


def _given(job: str, spec: Mapping[str, Any], given: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """Return the entry of a target that is no inventory host."""
    base = {"instance": given["target"], "env": environment, "service": spec.get("service", job)}
    return {"targets": [given["target"]], "labels": {**base, **given.get("labels", {})}}


def _dump(entries: Any) -> str:
    return yaml.safe_dump(_plain(entries), sort_keys=False)


def _plain(value: Any) -> Any:
    """Return *value* without the tags that Ansible hangs on what it read, which no YAML writer knows."""
    return json.loads(json.dumps(value))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_prometheus_files": prometheus_files,
            "mita_exporters": exporters,
            "mita_exporter_jobs": exporter_jobs,
            "mita_all_jobs": all_jobs,
            "mita_target_files": target_files,
            "mita_public_target_files": public_target_files,
            "mita_expected_files": expected_files,
        }
