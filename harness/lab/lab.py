"""Bring the lab up and take it down. Every step may be repeated, and picks up what an interruption left."""

import time
from concurrent.futures import ThreadPoolExecutor

import docker

from harness.lab import boot, containers, image, keys
from harness.lab.engine import connect
from harness.lab.hosts import HOSTS, LABEL, NETWORK, Host, os_release
from harness.system import say


def up() -> None:
    """Five hosts run, booted to the end and answering SSH, from the image that the inputs call for."""
    started = time.monotonic()
    client = connect()
    image_name = image.ensure(client, os_release())
    keys.ensure()
    network = _ensure_network(client)
    image_id = str(client.images.get(image_name).id)
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        list(pool.map(lambda host: _ensure_host(client, host, image_id, network), HOSTS))
    say(f"lab: {len(HOSTS)} hosts are up ({image_name}, {time.monotonic() - started:.1f} s)")


def down(*, images: bool = False) -> None:
    """No host, network, volume, key or secret of the lab is left; with `images`, no image either."""
    client = connect()
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters={"label": LABEL}):
        network.remove()
    if images:
        for found in client.images.list(name=image.REPOSITORY):
            client.images.remove(found.id, force=True)
    keys.remove()
    say("lab: nothing is left")


def _ensure_network(client: docker.DockerClient) -> str:
    """The network that resolves the hosts' names to each other; its id."""
    found = client.networks.list(names=[f"^{NETWORK}$"])
    network = (
        found[0] if found else client.networks.create(NETWORK, driver="bridge", labels={LABEL: "network"})
    )
    return str(network.id)


def _ensure_host(client: docker.DockerClient, host: Host, image_id: str, network_id: str) -> None:
    """The host's container is the one that is wanted now, and it has booted."""
    wanted = containers.options(host, image_id, network_id)
    container = _usable(client, host, wanted) or _create(client, host, wanted)
    if container.status == "paused":
        container.unpause()
    elif container.status != "running":
        container.start()
    boot.wait_for(container, host)


def _usable(
    client: docker.DockerClient, host: Host, wanted: containers.Options
) -> docker.models.containers.Container | None:
    """The existing container if it is as wanted; any other of that name, or one never started, is removed."""
    try:
        container = client.containers.get(host.container)
    except docker.errors.NotFound:
        return None
    as_wanted = container.labels.get(containers.SPEC_LABEL) == wanted["labels"][containers.SPEC_LABEL]
    if as_wanted and container.status in ("running", "exited", "paused"):
        return container
    say(f"lab: {host.name} is not as wanted now (or was left half-made) and is made anew")
    container.remove(force=True, v=True)
    return None


def _create(
    client: docker.DockerClient, host: Host, wanted: containers.Options
) -> docker.models.containers.Container:
    """A new container that has its identity and keys, not yet started."""
    say(f"lab: creating {host.name}")
    endpoint = client.api.create_endpoint_config(aliases=[host.name])
    container = client.containers.create(network=NETWORK, networking_config={NETWORK: endpoint}, **wanted)
    container.put_archive("/", containers.first_files(host))
    return container
