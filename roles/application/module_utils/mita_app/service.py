"""The application's service: restarted, stopped, asked for its version."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import starting
from .errors import ReleaseError
from .readiness import Answer, Demand, parse

JOURNAL_LINES = 15
JOURNAL_LAG_S = 3.0
PAUSE_S = 0.05
ASK_S = 1.0  # a connection that waits in the socket is answered at once when the service is there


@dataclass(frozen=True)
class Service:
    """One unit and the address where it says what it is."""

    unit: str
    url: str
    timeout_s: float
    patience_s: float = 3.0  # how long full readiness is waited for where less would do

    def restart(self, *, takes_socket: bool) -> None:
        """Start the service anew. Its socket outlives that, unless it would be in this release's way."""
        if takes_socket or not self.left_socket():
            self.control("restart")
        else:
            self.stop()
            self.control("start")

    def stop(self) -> None:
        """Stop the service; systemd lets go of its socket."""
        self.control("stop")

    def left_socket(self) -> bool:
        """Whether systemd holds a socket for the next process of the service."""
        command = ["systemctl", "show", "--property=NFileDescriptorStore", "--value", self.unit]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return shown not in ("", "0")

    def control(self, verb: str) -> None:
        """Run systemctl, by sudo unless this is root. sudoers allows these very command lines."""
        command = ["systemctl", verb, self.unit]
        if os.geteuid() != 0:
            command = ["sudo", "-n", "/usr/bin/systemctl", *command[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"expected `{' '.join(command)}` to work, found: {done.stderr.strip()}")

    def answer(self, within_s: float = 5) -> Answer:
        """Return what the service says about itself now."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=loopback_context())
        )
        try:
            with opener.open(self.url, timeout=within_s) as response:
                return parse(response.status, json.load(response))
        except urllib.error.HTTPError as error:
            return parse(error.code, as_json(error.read().decode(errors="replace")))
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Answer(words=str(error))

    def wait_for(self, version: str, demand: Demand) -> Answer:
        """Return once the service is this version and as ready as demanded; raise when it will not be.

        Where less than full readiness is demanded, full readiness is waited for a little first.
        """
        began, restarts = time.time(), self.restarts()
        last, first_met = Answer(), 0.0

        def settled() -> bool:
            nonlocal last, first_met
            last = self.answer(within_s=ASK_S)
            if last.version == version and last.ready:
                return True
            met = last.version == version and demand.met_by(last)
            first_met = (first_met or time.monotonic()) if met else 0.0
            return (met and time.monotonic() - first_met >= self.patience_s) or self.restarts() > restarts

        in_time = until(settled, self.timeout_s)
        if last.version != version or not demand.met_by(last):
            reason = f"within {self.timeout_s:g} s" if not in_time else "and not to end"
            said = self.last_words(began)
            raise ReleaseError(
                f"expected {self.unit} to get ready as version {version} {reason}, found: {last.words}\n"
                f"{said}{starting.hint(said, self.unit)}".strip()
            )
        return last

    def restarts(self) -> int:
        """Return how often systemd had to start it again; a service that it gave up counts as endless."""
        command = ["systemctl", "show", "--property=ActiveState,NRestarts", self.unit]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return sys.maxsize if state.get("ActiveState") == "failed" else int(state.get("NRestarts") or 0)

    def last_words(self, since: float) -> str:
        """Return what the service said, once the journal caught up: on a busy host it is behind."""
        said = ""

        def quiet() -> bool:
            nonlocal said
            before, said = said, self.journal(since)
            return before == said and "exited" in said

        until(quiet, JOURNAL_LAG_S)
        return said

    def journal(self, since: float) -> str:
        """Return the last words of the service."""
        command = ["journalctl", "--unit", self.unit, "--since", f"@{since - 1:.0f}", "--no-pager", "--quiet"]
        done = subprocess.run([*command, "--output", "cat"], capture_output=True, text=True, check=False)
        # Cut here: beside --since, the journalctl of Debian 12 takes --lines as the first ones, not the last.
        return "\n".join(done.stdout.splitlines()[-JOURNAL_LINES:]).strip()


def as_json(text: str) -> Any:
    """Return what the text holds, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def loopback_context() -> ssl.SSLContext:
    """Return a context that takes any certificate: the question stays on this host and holds no secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask, at least once, until it holds or the time is over; return whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(PAUSE_S)
    return True
