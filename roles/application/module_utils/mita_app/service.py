"""The application's service: restarted, stopped, asked for its version."""

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

from .errors import ReleaseError

JOURNAL_LINES = 15
JOURNAL_LAG_S = 3.0
PAUSE_S = 0.1


@dataclass(frozen=True)
class Service:
    """One unit and the address where it says what it is."""

    unit: str
    url: str
    timeout_s: float

    def restart(self) -> None:
        """Start the service anew."""
        self.control("restart")

    def stop(self) -> None:
        """Stop the service."""
        self.control("stop")

    def control(self, verb: str) -> None:
        """Run systemctl, by sudo unless this is root. sudoers allows these very command lines."""
        command = ["systemctl", verb, self.unit]
        if os.geteuid() != 0:
            command = ["sudo", "-n", "/usr/bin/systemctl", *command[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"expected `{' '.join(command)}` to work, found: {done.stderr.strip()}")

    def answers(self, version: str) -> tuple[bool, str]:
        """Whether the service is ready and is this version, and what it said."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=loopback_context())
        )
        try:
            with opener.open(self.url, timeout=5) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            return False, f"{error.code} {error.read().decode(errors='replace')[:300]}"
        except (OSError, ValueError) as error:
            return False, str(error)
        return body.get("version") == version, f"ready with version {body.get('version')}"

    def wait_for(self, version: str) -> None:
        """Return once the service is ready as this version; raise when it died or took too long."""
        began, restarts = time.time(), self.restarts()
        ready, last = False, ""

        def settled() -> bool:
            nonlocal ready, last
            ready, last = self.answers(version)
            return ready or self.restarts() > restarts

        in_time = until(settled, self.timeout_s)
        if not ready:
            reason = f"within {self.timeout_s:g} s" if not in_time else "and not to end"
            raise ReleaseError(
                f"expected {self.unit} to get ready as version {version} {reason}, found: {last}\n"
                f"{self.last_words(began)}".strip()
            )

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
