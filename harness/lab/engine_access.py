"""Reaching the engine's socket, also as a user who may use sudo but is not in the socket's group."""

import os
import socket
import sys
from pathlib import Path

from devtools.system import can_be_root

DEFAULT_SOCKET = "/var/run/docker.sock"
_RESTARTED = "MITA_HAS_ENGINE_GROUP"


def engine_socket() -> Path | None:
    """The UNIX socket of the engine that DOCKER_HOST or the default names; None for an engine elsewhere."""
    address = os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    return Path(address.removeprefix("unix://")) if address.startswith("unix://") else None


def socket_answers(path: Path) -> bool:
    """Whether this user reaches an engine on that socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/")
        except OSError:
            return False


def is_forbidden(path: Path) -> bool:
    """Whether there is a socket that this user may not use."""
    return path.is_socket() and not os.access(path, os.R_OK | os.W_OK)


def restart_in_group_of(path: Path) -> None:
    """This process starts again as the same user in the socket's group. Returns only if that is no help.

    Nothing on the machine is changed for it: no membership that outlives the command. Not from inside pytest,
    which has redirected the standard output: start it with `harness test`, or as a user in the group.
    """
    if os.environ.get(_RESTARTED) or "pytest" in sys.modules or not can_be_root():
        return
    groups = ",".join(str(group) for group in {*os.getgroups(), path.stat().st_gid})
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "USER", "LOGNAME") if name in os.environ}
    identity = [f"--reuid={os.getuid()}", f"--regid={os.getgid()}", f"--groups={groups}"]
    environment = ["env", *(f"{name}={value}" for name, value in kept.items()), f"{_RESTARTED}=1"]
    argv = ["sudo", "-n", "--preserve-env", "setpriv", *identity, *environment, *sys.orig_argv]
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606  (an argv list, no shell)
