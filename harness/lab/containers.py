"""One lab host in the engine: made as wanted, started, stopped, asked."""

import docker
from docker.models.containers import Container

from devtools.errors import UserError
from devtools.system import say
from harness.lab import boot, engine, spec, tenancy
from harness.lab.hosts import NETWORK, Host, host


def ensure(client: docker.DockerClient, host: Host, image_id: str, network_id: str) -> None:
    """The host's container is the one that is wanted now, and it has booted."""
    wanted = spec.options(host, image_id, network_id, engine_version=engine.version(client))
    container = _usable(client, host, wanted)
    if fresh := container is None:
        container = _create(client, host, wanted)
    if container.status == "paused":
        container.unpause()
    elif container.status != "running":
        container.start()
    boot.wait_for(container, host, fresh=fresh)


def stop(name: str) -> None:
    """The host has shut down in good order; its disk is kept."""
    get(name).stop(timeout=30)


def kill(name: str) -> None:
    """The host is gone from one moment to the next, as in a power cut; its disk is kept."""
    get(name).kill()


def start(name: str) -> None:
    """The host runs again, booted to the end, with the disk it had."""
    container = get(name)
    container.start()
    boot.wait_for(container, host(name), fresh=False)


def get(name: str) -> Container:
    """The container of a lab host that exists; UserError tells how to make it."""
    wanted = host(name)
    try:
        return engine.connect().containers.get(wanted.container)
    except docker.errors.NotFound as error:
        raise UserError(f"expected the lab host {name} to exist, found none; `harness lab up`") from error


def _usable(client: docker.DockerClient, host: Host, wanted: spec.Options) -> Container | None:
    """The existing container if it is as wanted; any other of that name, or one never started, is removed."""
    try:
        container = client.containers.get(host.container)
    except docker.errors.NotFound:
        return None
    as_wanted = container.labels.get(spec.SPEC_LABEL) == wanted["labels"][spec.SPEC_LABEL]
    if as_wanted and container.status in ("running", "exited", "paused"):
        return container
    why = "was left half-made" if as_wanted else "was made from other inputs than now"
    say(f"lab: {host.name} {why}; making it anew")
    tenancy.remove(container)
    return None


def _create(client: docker.DockerClient, host: Host, wanted: spec.Options) -> Container:
    """A new container that has its identity and keys, not yet started."""
    say(f"lab: creating {host.name}")
    endpoint = client.api.create_endpoint_config(aliases=[host.name])
    container = client.containers.create(network=NETWORK, networking_config={NETWORK: endpoint}, **wanted)
    container.put_archive("/", spec.first_files(host))
    return container
