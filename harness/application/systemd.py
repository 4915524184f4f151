"""A listening socket left with systemd for the next process of the unit (`FileDescriptorStoreMax=`)."""

import os
import select
import socket

FIRST_INHERITED_FD = 3  # sd_listen_fds(3)
NAME = "listener"
PATIENCE_MS = 5000


def inherited_socket() -> socket.socket | None:
    """Return the socket that systemd kept for this process, if it did."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDNAMES") != NAME:
        return None
    return socket.socket(fileno=FIRST_INHERITED_FD)


def leave_socket(listener: socket.socket) -> None:
    """Have systemd keep the socket while the unit is started anew, after a crash too."""
    notify(f"FDSTORE=1\nFDNAME={NAME}", listener.fileno())


def forget_socket() -> None:
    """Have systemd close the socket; return once it did, so that its port is free."""
    notify(f"FDSTOREREMOVE=1\nFDNAME={NAME}")
    ours, theirs = os.pipe()
    notify("BARRIER=1", theirs)
    os.close(theirs)
    waiting = select.poll()
    waiting.register(ours, select.POLLHUP)
    waiting.poll(PATIENCE_MS)
    os.close(ours)


def notify(state: str, *descriptors: int) -> None:
    """Tell systemd something; nothing happens where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            socket.send_fds(channel, [state.encode()], list(descriptors))
