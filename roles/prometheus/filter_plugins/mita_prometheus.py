"""Filters that turn the repository's Prometheus content and the inventory into the files of one host."""

import json
import re
import sys
from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible.constants import DEFAULT_LOCAL_TMP
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring import catalog, own_jobs, own_rules, own_scrapes
from monitoring.endpoints.asked_targets import Inventory
from monitoring.endpoints.scrapes import PUBLIC, USUAL, scrapes
from monitoring.exporters import load_exporters, site_files
from monitoring.once import once_in
from monitoring.patch import merge
from monitoring.yaml_text import read_yaml

File = dict[str, Any]
APPLICATION = "mita-backend"
EXPORTERS = Path(__file__).resolve().parents[2] / "exporter" / "vars"


def prometheus_files(
    directory: str,
    *,
    time_scale: float = 1,
    overrides: Mapping[str, Any] | None = None,
    alert_overrides: Mapping[str, Any] | None = None,
    slo: Mapping[str, Any] | None = None,
    runbooks_url: str = "",
    dashboards_url: str = "",
    prober: str = USUAL,
    own: Mapping[str, Any] | None = None,
) -> list[File]:
    """Return prometheus.yml, with the address of the site's *prober*, and the rule files of *directory*.

    *own* is what the site adds: `jobs`, `labels`, `stores` and `rule_files`.
    """
    source = Path(directory)
    try:
        text = (source / "prometheus.yml").read_text(encoding="utf-8")
        text = text if prober == USUAL else text.replace(USUAL, json.dumps(prober))
        config = _config(text, time_scale, _plain(overrides or {}), _plain(own or {}))
        rules = catalog.render_rules(
            source / "rules",
            overrides=_plain(alert_overrides or {}),
            links=catalog.Links(_plain(runbooks_url), _plain(dashboards_url)),
            time_scale=time_scale,
            promised=_plain(slo),
        )
        rules |= own_rules.texts(_plain((own or {}).get("rule_files", [])), rules)
    except (catalog.CatalogError, OSError) as error:
        raise AnsibleFilterError(f"the Prometheus content in {directory} was refused: {error}") from error
    files = [{"path": "prometheus.yml", "content": config}]
    return files + [{"path": f"rules/{name}", "content": rules[name]} for name in sorted(rules)]


def _config(text: str, time_scale: float, overrides: Any, own: Mapping[str, Any]) -> str:
    if isinstance(overrides, Mapping):
        patch = own_scrapes.patch(
            read_yaml(text),
            own.get("jobs", {}),
            labels=own.get("labels", {}),
            stores=own.get("stores", []),
        )
        overrides = merge(patch, overrides)
    config = catalog.render_prometheus(text, time_scale=time_scale, overrides=overrides)
    own_scrapes.refuse_idle(read_yaml(config))
    return config


def all_jobs(ours: Mapping[str, Any], site: Any, groups: Iterable[str] = ()) -> dict[str, Any]:
    """Return the jobs of every site with those of this site laid over them; raise where one is none.

    A site takes one of *ours* away by None. Any other name with None is a mistake, as is one of its own whose
    *groups* an inventory does not have.
    """
    given = site if isinstance(site, Mapping) else {"": site}
    given = {name: _laid_over(ours.get(name), job) for name, job in given.items()}
    for name, job in given.items():
        if not (_is_job(name, job) or (job is None and name in ours)):
            raise AnsibleFilterError(
                "prometheus_jobs: expected each job by its name as {groups: [...], port: NUMBER}, with also: "
                f"[{{target: ...}}] for what is no inventory host; found {name or 'no names'}: {job!r}"
            )
        if job is not None:
            _check(name, job)
        if name not in ours:
            _refuse_unknown(name, job, [*groups])
    return {name: job for name, job in {**ours, **given}.items() if job is not None}


def _check(name: str, job: Mapping[str, Any]) -> None:
    try:
        own_jobs.check(name, job)
    except catalog.CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def _laid_over(ours: Mapping[str, Any] | None, job: Any) -> Any:
    return {**ours, **job} if ours and isinstance(job, Mapping) else job


def _refuse_unknown(name: str, job: Mapping[str, Any], groups: list[str]) -> None:
    """Refuse a job that can never scrape anything."""
    known = not groups or any(group in groups for group in job["groups"])
    if not known and not job.get("also"):
        raise AnsibleFilterError(
            f"prometheus_jobs: expected {name} to have groups of this inventory, or targets in also, "
            f"found {', '.join(job['groups']) or 'neither'}"
        )


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


def scrape_plan(
    jobs: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Iterable[str]],
    hostvars: Any,
    *,
    environment: str,
    here: str = "",
    access: Mapping[str, Mapping[str, Any]] | None = None,
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the Prometheus on *here* asks and how; `files` are the targets, which it watches.

    *own* are the inputs of its own role, where they may be more than its inventory says.
    """
    seen = {**_by_host(hostvars, groups), here: ChainMap(dict(own or {}), hostvars.get(here, {}))}
    try:
        kinds = load_exporters(EXPORTERS, site_files(seen, seen))
        site = Inventory(groups, seen, here, kinds, environment)
        plan = scrapes(jobs, site, access or {})
    except catalog.CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return {**plan, "files": [_targets_file(job, entries) for job, entries in plan["targets"].items()]}


def _targets_file(job: str, entries: Any) -> File:
    return {"path": f"targets/{job}.yml", "content": _dump(entries), "apply": "watched"}


def _by_host(hostvars: Any, groups: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    return {host: hostvars[host] for hosts in groups.values() for host in hosts}


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


def public_modules(text: str, endpoints: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the modules of a blackbox.yml; raise where a public address names another."""
    known = list(read_yaml(text)["modules"])
    for one in endpoints:
        if one.get("module", known[0]) not in known:
            raise AnsibleFilterError(
                "prometheus_public_endpoints: expected module of blackbox.yml or exporter_blackbox_modules: "
                f"{', '.join(known)}, found {one['module']}"
            )
    return known


def expected_files(targets: Iterable[File], content: Iterable[File]) -> list[File]:
    """Return the rule file with the number of targets that each scraped job has in the inventory."""
    scraped = _scraped(content)
    rules = [
        {"record": "job:targets:expected", "expr": f"vector({count})", "labels": labels}
        for file in targets
        if (job := Path(file["path"]).stem) in scraped
        for labels, count in _counted(job, read_yaml(file["content"]))
    ]
    groups = {"groups": [{"name": "expected", "rules": rules}]}
    return [{"path": "rules/expected.rules.yml", "content": _dump(groups)}]


def _scraped(content: Iterable[File]) -> set[str]:
    config = next(file["content"] for file in content if file["path"] == "prometheus.yml")
    return {job["job_name"] for job in read_yaml(config).get("scrape_configs") or []}


def _counted(job: str, entries: Iterable[Mapping[str, Any]]) -> list[tuple[dict[str, str], int]]:
    kinds = Counter((entry["labels"]["service"], entry["labels"]["env"]) for entry in entries)
    return [({"job": job, "service": service, "env": env}, count) for (service, env), count in kinds.items()]


def _dump(entries: Any) -> str:
    return yaml.safe_dump(_plain(entries), sort_keys=False)


def _plain(value: Any) -> Any:
    """Return *value* without the tags that Ansible hangs on what it read, which no YAML writer knows."""
    return json.loads(json.dumps(value))


def expected_targets(plan: Mapping[str, Any], content: Iterable[File]) -> list[dict[str, Any]]:
    """Return the targets that this site installs; an application may have no release yet."""
    scraped = _scraped(content)
    return [
        {"job": job, "instance": entry["labels"]["instance"], "may_be_off": job == APPLICATION}
        for job, entries in plan["targets"].items()
        if job in scraped and job in plan["known"]
        for entry in entries
        if "host" in entry["labels"]
    ]


def heartbeat(content: Iterable[File]) -> str:
    """Return the name of the alert that always fires, if a site has it."""
    rules = (
        rule
        for file in content
        if file["path"].startswith("rules/")
        for group in read_yaml(file["content"])["groups"]
        for rule in group["rules"]
    )
    beats = (rule["alert"] for rule in rules if rule.get("labels", {}).get("rollback") == "heartbeat")
    return next(beats, "")


def alertmanagers(plan: Mapping[str, Any], root: str) -> list[dict[str, str]]:
    """Return how the Prometheus whose files are in *root* asks each Alertmanager."""
    way = plan["access"].get("alertmanager", {})
    asked = {name: way[name] for name in ("username", "password") if name in way}
    asked |= {"ca_file": f"{root}/access/alertmanager.crt"} if "ca" in way else {}
    scheme = "https" if "ca" in way or way.get("tls") else "http"
    targets = (entry["targets"][0] for entry in plan["targets"].get("alertmanager", []))
    return [{"url": f"{scheme}://{target}{plan['alerts_path']}", **asked} for target in targets]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_prometheus_files": once_in(DEFAULT_LOCAL_TMP)(prometheus_files),
            "mita_all_jobs": all_jobs,
            "mita_alertmanagers": alertmanagers,
            "mita_expected_targets": expected_targets,
            "mita_heartbeat": once_in(DEFAULT_LOCAL_TMP)(heartbeat),
            "mita_public_modules": public_modules,
            "mita_scrapes": scrape_plan,
            "mita_public_target_files": public_target_files,
            "mita_expected_files": expected_files,
        }
