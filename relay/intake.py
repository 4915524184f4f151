"""Where Alertmanager posts, where others cannot: `/NAME` for the address of that name."""

import json
import re
import sqlite3
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .errors import RelayError
from .message import read
from .saying import error
from .sender import Sender
from .settings import Settings
from .state import series, state
from .store import FullError, Store

LARGEST = 1_000_000
_LENGTH = re.compile("[0-9]{1,9}")
PATIENCE_S = 10
"""How long whoever connects may take for a request."""


class Intake(ThreadingHTTPServer):
    """Answers 200 only for what is on disk; else Alertmanager tries again, and counts that it failed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, settings: Settings, store: Store, senders: Mapping[str, Sender]) -> None:
        self.settings, self.store, self.senders = settings, store, senders
        super().__init__((settings.host, settings.port), _Handler)

    def handle_error(self, _request: Any, _client: Any) -> None:
        """Say in one line what kept a request from its answer; who hangs up is no fault."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError):
            error(f"expected to answer a request, found {type(fault).__name__}: {fault}")


class _Handler(BaseHTTPRequestHandler):
    server: Intake
    timeout = PATIENCE_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Say how it is."""
        settings, store = self.server.settings, self.server.store
        if self.path == "/state":
            self._answer(200, json.dumps(state(settings, store, time.time())), "application/json")
        elif self.path == "/metrics":
            self._answer(200, series(settings, store), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._answer(404, "not found")

    def do_POST(self) -> None:
        """Take a message."""
        name, length = self.path.removeprefix("/"), self.headers.get("Content-Length", "")
        sender = self.server.senders.get(name)
        if sender is None:
            self._answer(404, "no_such_address")
        elif not _LENGTH.fullmatch(length) or int(length) > LARGEST:
            self._answer(413 if length.isdecimal() else 411, "expected a length below 1 MB")
        else:
            self._answer(*self._take(sender, name, self.rfile.read(int(length))))

    def _take(self, sender: Sender, name: str, raw: bytes) -> tuple[int, str]:
        try:
            self.server.store.take(name, read(raw))
        except RelayError as fault:
            return 400, str(fault)
        except FullError:
            return 503, "too many messages wait"
        except sqlite3.Error as fault:
            error(f"{name}: expected the store to take a message, found: {fault}")
            sender.wake()  # who sends sees whether it is damaged
            return 503, "the store fails"
        sender.wake()
        return 200, "ok"

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing of each request."""
