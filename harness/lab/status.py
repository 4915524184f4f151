"""What every lab host is doing, on one screen."""

import docker

from devtools.paths import REPO
from devtools.system import say
from harness.lab import boot, engine
from harness.lab.hosts import HOSTS, OWNER_LABEL, Host


def show() -> int:
    """Print one line per host; 0 if every host has booted, answers SSH and is this clone's, else 1."""
    client = engine.connect()
    say(f"{'host':<10} {'container':<10} {'system':<10} {'ssh':<22} published on 127.0.0.1")
    well = [_show(client, host) for host in HOSTS]
    return 0 if all(well) else 1


def _show(client: docker.DockerClient, host: Host) -> bool:
    """Print the host's line; whether all is well with it."""
    try:
        container = client.containers.get(host.container)
    except docker.errors.NotFound:
        say(_line(host, "absent", "-", answers=False))
        return False
    system = boot.state(container) if container.status == "running" else "-"
    answers = boot.greets(host.ssh_port)
    owner = container.labels.get(OWNER_LABEL)
    ours = owner == str(REPO)
    say(_line(host, container.status, system, answers=answers) + ("" if ours else f" (belongs to {owner})"))
    return system in boot.BOOTED and answers and ours


def _line(host: Host, container: str, system: str, *, answers: bool) -> str:
    ssh = f"{host.ssh_port} {'answers' if answers else 'is silent'}"
    ports = ", ".join(str(outside) for _, outside in host.published)
    return f"{host.name:<10} {container:<10} {system:<10} {ssh:<22} {ports}".rstrip()
