"""Bring the lab up and take it down. Every step may be repeated, and picks up what an interruption left."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker

from devtools import apt
from devtools.paths import REPO
from devtools.system import locked, say
from harness.lab import containers, engine, image, keys, preflight, tenancy
from harness.lab.hosts import HOSTS, LABEL, NETWORK, OWNER_LABEL, Host, os_release


def prepare() -> docker.DockerClient:
    """What takes long is there: the controller's programs, an engine that answers, the image."""
    client = engine.ensure()
    apt.ensure(apt.CONTROLLER)
    with locked("image"), engine.explained():
        if not image.exists(client, os_release()):
            preflight.check_disk({Path(client.info()["DockerRootDir"]): preflight.FIRST_RUN_IN_ENGINE})
            image.build(client, os_release())
    return client


def up() -> None:
    """Five hosts run, booted to the end and answering SSH, from the image that the inputs call for.

    Until this process ends no other clone on this machine takes the lab away.
    """
    started = time.monotonic()
    client = engine.ensure()
    with locked("lab"), engine.explained():
        tenancy.take(client)
        tenancy.check_ports(client)
        prepare()
        keys.ensure()
        found = client.images.get(image.name_now(os_release()))
        network = _ensure_network(client)
        _for_every_host(lambda host: containers.ensure(client, host, str(found.id), network))
    say(f"lab: {len(HOSTS)} hosts are up ({os_release()}, {time.monotonic() - started:.1f} s)")


def down(*, images: bool = False) -> None:
    """No host, network, volume, key or secret of this clone's lab is left; with `images`, no image either."""
    client = engine.answering()
    if client is None:
        say("lab: no Docker engine answers, so no host runs; one that is started later may still list them")
    else:
        with engine.explained():
            _remove(client, images=images)
    keys.remove()
    say("lab: nothing of this clone's lab is left")


def _remove(client: docker.DockerClient, *, images: bool) -> None:
    if tenancy.is_ours(client):
        for container in tenancy.hosts(client):
            tenancy.remove(container)
        for network in client.networks.list(filters={"label": LABEL}):
            network.remove()
    for container in tenancy.scratch_hosts(client):
        if container.labels.get(OWNER_LABEL) == str(REPO):
            tenancy.remove(container)
    if images:
        image.remove_all(client)


def _for_every_host(work: Callable[[Host], None]) -> None:
    """All hosts at once. An interruption is passed on at once: what threads still do may be repeated."""
    pool = ThreadPoolExecutor(len(HOSTS))
    try:
        list(pool.map(work, HOSTS))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ensure_network(client: docker.DockerClient) -> str:
    """The network that resolves the hosts' names to each other; its id."""
    found = client.networks.list(names=[f"^{NETWORK}$"])
    if found:
        return str(found[0].id)
    return str(client.networks.create(NETWORK, driver="bridge", labels={LABEL: "network"}).id)
