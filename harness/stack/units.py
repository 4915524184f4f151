"""A service on a lab host: stopped, started, killed, and waited for."""

from devtools.errors import UserError
from harness import clients
from harness.incident.patience import ANSIBLE_S
from harness.lab import containers
from harness.stack.rollout import patiently


class Unit:
    """One systemd unit of one host, and the address that answers once it serves."""

    def __init__(self, host: str, name: str, client: clients.Http, ready: str) -> None:
        self.host, self.name = host, name
        self._client, self._ready = client, ready

    def run(self, *argv: str) -> str:
        """Run a command as root on the unit's host; raises UserError with its words."""
        done = containers.get(self.host).exec_run(list(argv))
        words: str = done.output.decode(errors="replace").strip()
        if done.exit_code:
            raise UserError(f"expected {' '.join(argv)} on {self.host} to succeed, found: {words}")
        return words

    def stop(self) -> None:
        """Stop it in good order."""
        self.run("systemctl", "stop", self.name)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.run("systemctl", "reset-failed", self.name)
        self.run("systemctl", "start", self.name)
        self.until_ready()

    def kill(self) -> None:
        """Kill every process of it without a warning; systemd starts it again."""
        self.run("systemctl", "kill", "--signal=SIGKILL", self.name)

    def until_ready(self) -> None:
        """Wait until it serves."""
        patiently(f"{self.name} to be ready", lambda: self._client.ready(self._ready), ANSIBLE_S)


class Dependency:
    """A database or cache on a lab host, which answers no HTTP."""

    def __init__(self, host: str, name: str) -> None:
        self.host, self.name = host, name

    def stop(self) -> None:
        """Stop it in good order."""
        self._control("stop")

    def start(self) -> None:
        """Start it; systemd says when it serves."""
        self._control("start")

    def _control(self, verb: str) -> None:
        done = containers.get(self.host).exec_run(["systemctl", verb, self.name])
        if done.exit_code:
            words = done.output.decode(errors="replace").strip()
            raise UserError(f"expected {self.name} on {self.host} to {verb}, found: {words}")
