"""Telling systemd how the service is."""

import os
import socket
import time


def notify(**fields: str | int) -> bool:
    """Send the fields to the socket that systemd named; False when nobody listens.

    `notify(READY=1, STATUS="...")`. An abstract socket starts with an at sign.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(f"{name}={value}" for name, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(message.encode())
    except OSError:
        return False
    return True


def reloading() -> bool:
    """Say that a reload has begun; READY=1 ends it."""
    return notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)


def watchdog_interval() -> float | None:
    """How often to say that all is well, in seconds: a third of what systemd waits; None without watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 3_000_000 if microseconds.isdigit() and ours else None
