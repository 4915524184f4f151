"""The listening socket: made here, or handed over by systemd so that a restart refuses nobody.

systemd keeps the socket while the service is restarted (`FileDescriptorStoreMax=`), and who connects
meanwhile waits in its queue. It is not a unit of type socket on purpose: the next scrape would then start a
daemon that a person has stopped. One that a site has all the same (`LISTEN_FDS`) is used.
"""

import errno
import os
import socket

from rollback.adapters import sdnotify
from rollback.domain.errors import SettingsInvalid

BACKLOG = 1024
FIRST_INHERITED = 3  # sd_listen_fds(3)
NAME = "listener"


def listen(address: str, port: int) -> socket.socket:
    """A listening socket, or SettingsInvalid with what is in the way."""
    wanted = _resolved(address, port)
    for name, kept in _inherited():
        if port and kept.getsockname()[:2] == wanted[4][:2]:
            return kept
        if name != NAME:
            found = " port ".join(str(part) for part in kept.getsockname()[:2])
            raise SettingsInvalid(
                f"systemd hands over a socket on {found}, but the settings say {address} port {port}: "
                f"make listen_address and listen_port agree with the unit {name}."
            )
        sdnotify.forget(NAME)
        kept.close()
    try:
        return socket.create_server(wanted[4][:2], family=wanted[0], backlog=BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        hint = f"; `ss -ltnp sport = :{port}` says who has it" if taken else ""
        raise SettingsInvalid(f"cannot listen on {address} port {port}: {error}{hint}") from error


def leave(listener: socket.socket) -> None:
    """Have systemd keep the socket for the next life of the daemon."""
    sdnotify.keep(NAME, listener.fileno())


def _resolved(address: str, port: int) -> tuple[socket.AddressFamily, int, int, str, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsInvalid(f"cannot listen on {address} port {port}: {error}") from error
    return found[0]  # type: ignore[return-value]


def _inherited() -> list[tuple[str, socket.socket]]:
    """The sockets that systemd hands to this very process, with the names that it gives them."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    names += ["unknown"] * (count - len(names))
    found = [(names[i], socket.socket(fileno=FIRST_INHERITED + i)) for i in range(count)]
    for _, one in found:
        one.set_inheritable(False)
    return found
