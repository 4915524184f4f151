"""When a lab host counts as up: systemd has finished booting and sshd greets on the published port."""

import socket

from docker.models.containers import Container

from harness.errors import HarnessError
from harness.lab.hosts import Host
from harness.wait import DeadlineError, until

DEADLINE_S = 60


def wait_for(container: Container, host: Host) -> None:
    """The host has booted and answers SSH; otherwise HarnessError with what it was doing."""
    try:
        until(
            f"{host.name} to have booted and to answer SSH on 127.0.0.1:{host.ssh_port}",
            lambda: state(container) == "running" and greets(host.ssh_port),
            deadline_s=DEADLINE_S,
            explain=lambda: _explain(container),
        )
    except DeadlineError as error:
        raise HarnessError(f"{error}\nlook closer with `harness lab logs {host.name} ssh`") from error


def state(container: Container) -> str:
    """What systemd says of the whole host: `running` is good, `degraded` has failed units."""
    return str(container.exec_run(["systemctl", "is-system-running"]).output.decode().strip())


def greets(port: int) -> bool:
    """Whether an SSH server answers on that port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(8).startswith(b"SSH-")
    except OSError:
        return False


def _explain(container: Container) -> str:
    """The engine's view, systemd's state, the units that failed or still start, the last words of init."""
    container.reload()
    asked = [
        ["systemctl", "is-system-running"],
        ["systemctl", "--failed", "--no-legend"],
        ["systemctl", "list-jobs"],
    ]
    parts = [f"container: {container.status}"]
    if container.status == "running":
        parts += [container.exec_run(argv).output.decode(errors="replace").strip() for argv in asked]
    parts.append(container.logs(tail=10).decode(errors="replace").strip())
    return "\n".join(part for part in parts if part)
