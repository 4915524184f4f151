"""Who is let in: the number of connections is limited, and a new one that asks goes before an idle one.

Descriptors are what a process has few of, and without one no rollback can be started. So connections take
only what is left beside a reserve; when all places are taken, the one that was idle longest makes room.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from rollback.connections import HEAD_SECONDS, Counts, Patient

MOST_CONNECTIONS = 512
RESERVED_DESCRIPTORS = 256
"""For the database, what is asked, and the programs that a rollback runs."""
YOUNG_SECONDS = 0.1
"""Who connects asks within this time, or it is not in a hurry."""
AT_ONCE = 64
"""So many are let in before the others get their turn."""
AGAIN_SECONDS = 0.1


@dataclass(eq=False)
class _Guest:
    """A connection, from the moment it is accepted: with TLS it has to introduce itself first."""

    protocol: Patient
    connection: socket.socket
    introduction: asyncio.Task[None] | None = None

    def has_asked(self) -> bool:
        """Whether there is something to read that nobody has read yet."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing is there, or the client is gone
            return False

    def dismiss(self) -> None:
        if self.introduction is not None:
            self.introduction.cancel()
        self.protocol.dismiss()


class Reception:
    """Lets connections in, up to a number."""

    def __init__(
        self,
        listener: socket.socket,
        new: Callable[[], Patient],
        tls: Callable[[], ssl.SSLContext | None],
        counts: Counts,
        most: int | None = None,
    ) -> None:
        self._listener, self._new, self._tls, self._counts = listener, new, tls, counts
        self._most = places() if most is None else most
        self._guests: set[_Guest] = set()
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        self._closed = False
        self._listener.setblocking(False)
        self._open()

    def close(self) -> None:
        """Let nobody in any more; who is on the way in is answered, and then has to go."""
        self._closed = True
        self._pause(reopen=False)

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def _open(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _pause(self, *, reopen: bool = True) -> None:
        """Leave newcomers to the kernel's queue, for a moment or for good."""
        self._loop.remove_reader(self._listener.fileno())
        if self._again is not None:
            self._again.cancel()
        self._again = self._loop.call_later(AGAIN_SECONDS, self._open) if reopen else None

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if len(self._guests) >= self._most and not self._make_room():
                self._pause()  # all work: newcomers wait until one has ended
                return
            try:
                connection, _ = self._listener.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # no descriptor or no memory is left, for whatever reason
                self._make_room()
                self._pause()
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        guest = _Guest(self._new(), connection)
        guest.protocol.answered = self._counts.answered
        guest.protocol.left = lambda: self._leave(guest)
        self._guests.add(guest)
        self._counts.connected(len(self._guests))
        guest.introduction = self._loop.create_task(self._introduce(guest, connection))

    async def _introduce(self, guest: _Guest, connection: socket.socket) -> None:
        context = self._tls()
        patience = None if context is None else HEAD_SECONDS
        try:
            await self._loop.connect_accepted_socket(
                lambda: guest.protocol, connection, ssl=context, ssl_handshake_timeout=patience
            )
        except OSError:  # it speaks no TLS, shows no right certificate, or went away: nobody to answer
            self._leave(guest)
        except asyncio.CancelledError:
            self._leave(guest)
            raise
        finally:
            guest.introduction = None
        if self._closed and guest in self._guests:
            guest.protocol.shutdown()

    def _make_room(self) -> bool:
        """Close the connection that was idle longest, one that was never served before any that was.

        One that has asked and is only not heard yet stays.
        """
        young = self._loop.time() - YOUNG_SECONDS
        yielding = [one for one in self._guests if one.protocol.yielding and one.protocol.heard < young]
        yielding.sort(key=lambda one: (one.protocol.served, one.protocol.heard))
        longest = next((one for one in yielding if one.protocol.stalled or not one.has_asked()), None)
        if longest is None:
            return False
        self._leave(longest)
        longest.dismiss()
        self._counts.dismissed()
        return True

    def _leave(self, guest: _Guest) -> None:
        self._guests.discard(guest)
        self._counts.connected(len(self._guests))


def places() -> int:
    """How many connections may be open: as many as wanted, if the process may have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVED_DESCRIPTORS
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(16, min(MOST_CONNECTIONS, soft - RESERVED_DESCRIPTORS))
