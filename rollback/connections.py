"""One connection: it must say what it wants in time, and take its answer in time."""

import asyncio
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
