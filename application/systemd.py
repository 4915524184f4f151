"""The listening socket that the host hands over: systemd keeps it while the unit is started anew.

`roles/application/files/start.py` makes it for the first process and leaves it with systemd.
"""

import os
import socket

FIRST_INHERITED_FD = 3  # sd_listen_fds(3)
NAME = "listener"


def inherited_socket() -> socket.socket | None:
    """Return the socket that was handed to this process, if one was."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDNAMES") != NAME:
        return None
    return socket.socket(fileno=FIRST_INHERITED_FD)
