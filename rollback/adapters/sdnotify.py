"""Telling systemd how the service is."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable

from rollback.adapters.logs import harmless

BARRIER_MS = 5_000
"""So long systemd may take to have read what it was told."""


def notify(**fields: str | int) -> bool:
    """Send the fields to the socket that systemd named; False when nobody listens.

    `notify(READY=1, STATUS="...")`. An abstract socket starts with an at sign.
    """
    return _send("\n".join(f"{name}={harmless(str(value))}" for name, value in fields.items()))


def keep(name: str, descriptor: int) -> bool:
    """Have systemd keep the descriptor for the next process of the unit, under this name."""
    return _send(f"FDSTORE=1\nFDNAME={name}", descriptor)


def forget(name: str) -> bool:
    """Have systemd close what it keeps under this name; return once it did."""
    told = _send(f"FDSTOREREMOVE=1\nFDNAME={name}")
    ours, theirs = os.pipe()
    _send("BARRIER=1", theirs)
    os.close(theirs)
    waiting = select.poll()
    waiting.register(ours, select.POLLHUP)
    waiting.poll(BARRIER_MS)
    os.close(ours)
    return told


def _send(message: str, *descriptors: int) -> bool:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            socket.send_fds(sock, [message.encode()], list(descriptors))
    except OSError:
        return False
    return True


def reloading() -> bool:
    """Say that a reload has begun; READY=1 ends it."""
    return notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)


def keep_telling(line: Callable[[], str], ended: threading.Event, every: float = 1.0) -> None:
    """Tell systemd what the daemon does, whenever that changes, until *ended*."""
    said = ""
    while os.environ.get("NOTIFY_SOCKET") and not ended.wait(every):
        try:
            now = line()
        except Exception as error:
            now = f"what it does cannot be told: {error!r}"
        if now != said:
            notify(STATUS=now)
            said = now


def watchdog_interval() -> float | None:
    """How often to say that all is well, in seconds: a third of what systemd waits; None without watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 3_000_000 if microseconds.isdigit() and ours else None
