"""Who is connected: each connection must say what it wants in time, and their number is limited.

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
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""Longer than any client needs to say what it wants; who says nothing only holds a place."""
STALL_SECONDS = 30.0
"""An answer of which nothing was taken for so long is not waited for."""
LINGER_SECONDS = 2.0
LAST_SECONDS = 3.0
"""So long a daemon that stops waits for the first request of who has just come in."""
MOST_IGNORED = 1_000_000
"""So many bytes of a body that was refused are read and dropped, so that the sender sees the answer."""
MOST_CONNECTIONS = 512
RESERVED_DESCRIPTORS = 256
"""For the database, what is asked, and the programs that a rollback runs."""
YOUNG_SECONDS = 0.1
"""Who connects asks within this time, or it is not in a hurry."""
AT_ONCE = 64
"""So many are let in before the others get their turn."""
AGAIN_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Whom the connections tell what happens to them."""

    answered: Callable[[str, int], None]
    connected: Callable[[int], None]
    dismissed: Callable[[], None]


class Patient(H11Protocol):
    """One connection, which has patience with a client only for a while."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.answered: Callable[[str, int], None] = lambda *_: None
        self.left: Callable[[], None] = lambda: None
        self.heard, self.served = self.loop.time(), False
        self._ignored = 0
        self._leaving = False
        self._expires: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """True while no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def stalled(self) -> bool:
        """True while the client takes nothing of its answer."""
        return self._stalled is not None

    @property
    def yielding(self) -> bool:
        """True when it may be closed for another: nothing is under way, or nobody takes the answer."""
        return self.idle or self.stalled

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting until the bytes make a whole request head."""
        self.heard = self.loop.time()
        super().data_received(data)
        if not self.idle:
            self.cycle.keep_alive = self.cycle.keep_alive and not self._leaving
            self._stop_waiting()
        elif self.conn.their_state is h11.SEND_BODY:
            self._ignore(len(data))
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        self._stop_waiting()
        self.resume_writing()
        self.left()

    def on_response_complete(self) -> None:
        """Remember that this client was served, and wait for the next request.

        Who sent that already, without waiting for the answer, has to connect anew: one connection is one
        request at a time, or a few clients would have the daemon's whole attention.
        """
        self.served, self._ignored = True, 0
        if self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not take its answer; it has a while to begin."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client took something."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def timeout_keep_alive_handler(self) -> None:
        """Close a kept connection that is not used; what nobody takes is not waited for."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; in the middle of an exchange there is nobody to answer any more."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.answered("open", 400)
            super().send_400_response(msg)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """Close a connection that is done; who came in but now and has said nothing yet is still answered."""
        if self.served or not self.idle or self.transport.is_closing():
            super().shutdown()
            return
        self._leaving = True
        self._stop_waiting()
        self._expires = self.loop.call_later(LAST_SECONDS, self._expire)

    def dismiss(self) -> None:
        """Close the connection at once."""
        self._stop_waiting()
        if self.transport is not None:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody without credentials writes into the journal."""

    def _ignore(self, size: int) -> None:
        """Let the rest of a refused body come, up to a limit; then let the network hold it, and close."""
        self._ignored += size
        if self._ignored <= MOST_IGNORED:
            self._wait()
        elif not self.transport.is_closing():
            self.flow.pause_reading()
            self._stop_waiting()
            self._expires = self.loop.call_later(LINGER_SECONDS, self.dismiss)

    def _wait(self) -> None:
        if self._expires is None:
            self._expires = self.loop.call_later(HEAD_SECONDS, self._expire)

    def _expire(self) -> None:
        self._expires = None
        if self.idle:
            self.dismiss()

    def _stop_waiting(self) -> None:
        if self._expires is not None:
            self._expires.cancel()
            self._expires = None


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
