"""Who holds a TCP port of this machine, so that "address in use" becomes a sentence somebody can act on."""

import random
import socket
from contextlib import suppress
from pathlib import Path

from devtools.errors import UserError

_LISTEN = "0A"
OURS = range(11000, 22000)
"""Above the ports of well-known programs, below those of the lab's SSH servers and of connections."""


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str | None:
    """The process that listens on this port, as `name (pid N)`; None where that cannot be seen."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        if inodes & _sockets(process):
            name = (process / "comm").read_text(encoding="utf-8").strip()
            return f"{name} (pid {process.name})"
    return None


def taken(port: int, wanted_for: str, who: str | None = None) -> UserError:
    """The sentence for a port that somebody else has; `who` is looked up where it is not given."""
    found = who or holder(port) or "a process that this user cannot see"
    return UserError(
        f"expected port {port} of 127.0.0.1 to be free for {wanted_for}, found it taken by {found}; "
        "stop that, then run the same again"
    )


def _listening_inodes(port: int) -> list[str]:
    rows: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows += Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
    fields = [row.split() for row in rows]
    return [f[9] for f in fields if f[3] == _LISTEN and int(f[1].rsplit(":", 1)[1], 16) == port]


def _sockets(process: Path) -> set[str]:
    """The sockets a process has open, as far as they are ours to see and stay open while we look."""
    found = set()
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(entry.readlink()))
    return found


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port on which a server could listen now, and probably a while later, too.

    It is one of those that no system gives to a connection by itself: such a port may be taken before a
    server listens on it, and always while a server is started anew. UserError where there is none, as at an
    address that this machine does not have.
    """
    for port in random.sample(OURS, len(OURS)):
        if is_free(port, address):
            return port
    raise UserError(
        f"expected a free port of {address} from {OURS.start} to {OURS.stop - 1}, found none; "
        "is that an address of this machine?"
    )
