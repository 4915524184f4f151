"""When a lab host counts as up: systemd has finished booting and sshd greets on the published port."""

import socket

from docker.models.containers import Container

from devtools.errors import UserError
from devtools.wait import DeadlineError, until
from harness.lab.hosts import Host

DEADLINE_S = 90
BOOTED = ("running", "degraded")


def wait_for(container: Container, host: Host, *, fresh: bool = True) -> None:
    """The host has booted and answers SSH; otherwise UserError with what it was doing.

    On a `fresh` host no unit may have failed. One that was lived in may have a service that cannot start, as
    after a bad release: that is no reason to refuse it.
    """
    try:
        found = until(
            f"{host.name} to have booted and to answer SSH on 127.0.0.1:{host.ssh_port}",
            lambda: greets(host.ssh_port) and _booted(container),
            deadline_s=DEADLINE_S,
            explain=lambda: _explain(container),
        )
    except DeadlineError as error:
        raise UserError(f"{error}\nlook closer with `harness lab logs {host.name} ssh`") from error
    if fresh and found == "degraded":
        raise UserError(
            f"expected every unit of {host.name} to start, found: {_explain(container)}\n"
            f"look closer with `harness lab ssh {host.name}`; `make down` and a new run start from nothing"
        )


def _booted(container: Container) -> str | None:
    """systemd's verdict once it has one."""
    found = state(container)
    return found if found in BOOTED else None


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
