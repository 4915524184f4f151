"""There is one lab on a machine, with fixed names and ports: whose it is, and what else is in its way."""

import fcntl
from contextlib import suppress
from http.client import CONFLICT
from pathlib import Path
from typing import TextIO

import docker
from docker.models.containers import Container

from devtools import ports
from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from harness.lab.hosts import HOSTS, LABEL, OWNER_LABEL

_IN_USE = Path(".lab") / "in-use"
_held: list[TextIO] = []


def hosts(client: docker.DockerClient) -> list[Container]:
    """Every lab host that the engine knows, running or not, whoever made it."""
    return list(client.containers.list(all=True, filters={"label": f"{LABEL}=host"}, ignore_removed=True))


def scratch_hosts(client: docker.DockerClient) -> list[Container]:
    """Every bare host of a test that the engine knows; none is part of the lab or in its way."""
    return list(client.containers.list(all=True, filters={"label": f"{LABEL}=scratch"}, ignore_removed=True))


def sweep(client: docker.DockerClient) -> None:
    """Bare hosts that other clones left behind are gone; this clone's are its own business until the end."""
    for container in scratch_hosts(client):
        owner = container.labels.get(OWNER_LABEL, "")
        if owner != str(REPO) and not _is_busy(Path(owner)):
            remove(container)
    _hold()


def is_ours(client: docker.DockerClient) -> bool:
    """Whether this clone may remove the hosts: it made them, or the clone that did is gone."""
    others = {owner for owner in _owners(client) if Path(owner).exists()} - {str(REPO)}
    if others:
        say(f"lab: the hosts belong to {', '.join(sorted(others))}: `make down` there removes them")
    return not others


def take(client: docker.DockerClient) -> None:
    """The lab is this clone's until the process ends; another clone's are removed if idle."""
    for owner in sorted(_owners(client) - {str(REPO)}):
        if _is_busy(Path(owner)):
            raise UserError(
                f"expected the lab of this machine to be idle, found it in use by a run in {owner}; "
                "wait for that to end, or end it"
            )
        say(f"lab: replacing the idle hosts that belong to {owner}")
        for container in hosts(client):
            if container.labels.get(OWNER_LABEL) == owner:
                remove(container)
    _hold()


def remove(container: Container) -> None:
    """The container is gone, its volumes too, whoever else is removing it at this moment."""
    with suppress(docker.errors.NotFound):
        try:
            container.remove(force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code != CONFLICT:
                raise
            container.wait(condition="removed")


def check_ports(client: docker.DockerClient) -> None:
    """Every published port is free or already the lab's; otherwise UserError names who has it."""
    lab = {int(port) for container in hosts(client) for port in _published(container)}
    for host in HOSTS:
        for port in host.ports.values():
            if port not in lab and not ports.is_free(port):
                raise ports.taken(port, f"the lab host {host.name}", _container_at(client, port))


def _hold() -> None:
    """A shared lock that lasts as long as this process, which `take` in another clone looks for."""
    path = REPO / _IN_USE
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("w")
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held.append(handle)


def _is_busy(owner: Path) -> bool:
    try:
        with (owner / _IN_USE).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _owners(client: docker.DockerClient) -> set[str]:
    return {container.labels.get(OWNER_LABEL, "") for container in hosts(client)} - {""}


def _container_at(client: docker.DockerClient, port: int) -> str | None:
    """The container that publishes this port, if one does."""
    for container in client.containers.list(ignore_removed=True):
        if str(port) in _published(container):
            return f"the container {container.name}"
    return None


def _published(container: Container) -> set[str]:
    bindings = container.ports.values()
    return {binding["HostPort"] for listed in bindings for binding in listed or ()}
