"""What every lab host is doing, on one screen."""

import docker

from harness.lab import boot, engine
from harness.lab.hosts import HOSTS, OWNER_LABEL, Host
from harness.paths import REPO
from harness.system import say


def show() -> int:
    """Print one line per host; 0 if every host has booted, answers SSH and is this clone's, else 1."""
    client = engine.connect()
    rows = [_row(client, host) for host in HOSTS]
    say(f"{'host':<10} {'container':<10} {'system':<10} {'ssh':<22} published on 127.0.0.1")
    for row in rows:
        say(row.rstrip())
    return (
        0 if all("running    running" in row and "answers" in row and "(" not in row for row in rows) else 1
    )


def _row(client: docker.DockerClient, host: Host) -> str:
    ports = ", ".join(f"{outside}" for _, outside in host.published)
    try:
        container = client.containers.get(host.container)
    except docker.errors.NotFound:
        return f"{host.name:<10} {'absent':<10} {'-':<10} {'-':<22} {ports}"
    system = boot.state(container) if container.status == "running" else "-"
    ssh = f"{host.ssh_port} {'answers' if boot.greets(host.ssh_port) else 'is silent'}"
    owner = container.labels.get(OWNER_LABEL)
    foreign = "" if owner == str(REPO) else f" (belongs to {owner})"
    return f"{host.name:<10} {container.status:<10} {system:<10} {ssh:<22} {ports}{foreign}"
