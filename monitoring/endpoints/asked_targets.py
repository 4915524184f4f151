"""The targets of each job, as one Prometheus asks them, and how their ports let it in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from monitoring.endpoints import address
from monitoring.endpoints.access import Access, access
from monitoring.endpoints.endpoint import Endpoint, Vars
from monitoring.endpoints.instances import Kinds, endpoints
from monitoring.endpoints.known_services import GROUPS, PORTS, service

Job = Mapping[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Inventory:
    """The hosts of a site as the Prometheus on `here` sees them."""

    groups: Mapping[str, Iterable[str]]
    hostvars: Mapping[str, Vars]
    here: str
    kinds: Kinds
    environment: str

    def variables(self, host: str) -> Vars:
        """What the inventory says of a host."""
        return self.hostvars[host]

    def hosts(self, job: Job) -> list[str]:
        """The hosts of a job, each once, in order."""
        return sorted({host for group in job.get("groups", ()) for host in self.groups.get(group, ())})


@dataclass(frozen=True)
class Target:
    """One port that a job asks: at `asked`, for the host or for one more exporter of it."""

    endpoint: Endpoint
    asked: str
    suffix: str = ""

    @property
    def place(self) -> str:
        """The address with its port."""
        return address.join(self.asked, self.endpoint.port)


def targets(name: str, job: Job, site: Inventory, encrypted: bool) -> list[Target]:
    """What a job asks. *encrypted* says that its ports speak TLS although no certificate is known of here."""
    if name in site.kinds:
        found = list(_exporters(name, job, site))
    else:
        found = [(_endpoint(name, job, host, site), "") for host in site.hosts(job)]
    return [_target(one, suffix, site, encrypted) for one, suffix in found]


def _exporters(kind: str, job: Job, site: Inventory) -> Iterable[tuple[Endpoint, str]]:
    hosts = {*site.hosts(job)}
    for host in sorted({host for hosts in site.groups.values() for host in hosts} | hosts):
        found = endpoints(site.kinds, host, site.variables(host), site.groups)
        mine = [(one, where) for one, where in found if one.kind == kind]
        yield from ((where, one.label) for one, where in mine if one.label)
        if host in hosts:
            first = next((where for one, where in mine if not one.label), None)
            yield _at(first or _elsewhere(kind, host, job), job, site.kinds[kind].port), ""


def _elsewhere(name: str, host: str, job: Job) -> Endpoint:
    """A port that no role of ours opens."""
    return Endpoint(service=name, host=host, listens="", port=_stated(name, job), setting="")


def _endpoint(name: str, job: Job, host: str, site: Inventory) -> Endpoint:
    """What a job asks on a host: a service that is known, or a port that only the job knows."""
    known = name if name in GROUPS else str(job.get("service", "")) if "url_path" in job else ""
    if known in GROUPS:
        return _at(service(known, host, site.variables(host), site.groups), job, PORTS[known])
    return _elsewhere(name, host, job)


def _at(found: Endpoint, job: Job, usual: int) -> Endpoint:
    """The port that a job states, unless that is only the usual one: then the service knows better."""
    stated = _stated(found.service, {"port": usual, **job})
    return found if stated == usual else replace(found, port=stated)


def _stated(name: str, job: Job) -> int:
    return address.port_of(job["port"], f"prometheus_jobs: the port of {name}")


def _target(one: Endpoint, suffix: str, site: Inventory, encrypted: bool) -> Target:
    closed = address.is_loopback(one.listens) and encrypted
    where = replace(one, listens="") if closed else one
    return Target(one, where.asked_at(site.here, site.variables(one.host)), suffix)


def entries(name: str, job: Job, found: list[Target], site: Inventory) -> list[Entry]:
    """The entries of the job's targets file."""
    mixed = len({one.endpoint.scheme for one in found}) > 1
    listed = [_entry(name, job, one, mixed, site) for one in found]
    return listed + [_given(name, job, other, site.environment) for other in job.get("also", [])]


def _entry(name: str, job: Job, one: Target, mixed: bool, site: Inventory) -> Entry:
    host = one.endpoint.host
    labels = {"instance": f"{host}{one.suffix}", "host": host, **_common(name, job, site.environment)}
    if "url_path" in job:
        scheme = job.get("scheme", one.endpoint.scheme)
        probed = f"{scheme}://{one.place}{job['url_path']}"
        return {"targets": [probed], "labels": {**labels, "instance": probed}}
    return {
        "targets": [one.place],
        "labels": {**labels, **_asked(one.endpoint, mixed), **_clock(name, host, site)},
    }


def _asked(endpoint: Endpoint, mixed: bool) -> dict[str, str]:
    """What is said of a target because it differs from what is said of its job."""
    path = {"__metrics_path__": f"{endpoint.path}/metrics"} if endpoint.path else {}
    return {**path, **({"__scheme__": endpoint.scheme} if mixed else {})}


def _clock(name: str, host: str, site: Inventory) -> dict[str, str]:
    """The label of a host that has no time service on purpose."""
    none = name == "node" and site.variables(host).get("time_service") == "none"
    return {"time_service": "none"} if none else {}


def _given(name: str, job: Job, given: Mapping[str, Any], environment: str) -> Entry:
    """The entry of a target that is no inventory host."""
    base = {"instance": given["target"], **_common(name, job, environment)}
    return {"targets": [given["target"]], "labels": {**base, **given.get("labels", {})}}


def _common(name: str, job: Job, environment: str) -> dict[str, str]:
    return {"env": environment, "service": str(job.get("service", name))}


def access_of(name: str, found: list[Target], given: Mapping[str, Any]) -> Access:
    """How the ports of a job let Prometheus in."""
    return access(name, [(one.endpoint, one.asked) for one in found], given)
