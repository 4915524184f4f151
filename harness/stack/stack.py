"""The installed lab as one test sees it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import clients
from harness.lab import containers
from harness.load.run import Running
from harness.load.summary import totals
from harness.proof import steps
from harness.proof.incident import (
    CALM_S,
    MONITORING,
    SERVICE,
    Patience,
    patience,
    policy_in_force,
    resolution_s,
    time_scale,
    trigger_with,
    window_s,
)
from harness.proof.moments import Story, seconds_of
from harness.proof.playbook import Playbook, PlaybookError, playing
from harness.proof.sources import Witnesses
from harness.stack.faults import ErrorRate, Fault
from harness.stack.traffic import ORDINARY_RATE, TEST_RATE, OrdinaryDay, flowing
from harness.stack.units import Dependency, Unit
from harness.stack.views import Alerts, Decisions, Receipts, Rollbacks
from monitoring.catalog import Alert, load

DAEMON_DATABASE = "/var/lib/mita-rollback/rollback.db"


class Stack:
    """Verbs and parts. Counts and records begin with the test; deadlines follow the fault that it causes."""

    def __init__(self, home: Path, day: OrdinaryDay, *, scale: float | None = None) -> None:
        self.home, self._day = home, day
        self.scale = scale or time_scale()
        self.begin = time.time()
        self.breach_share = 1.0
        self.symptom = ErrorRate.symptom
        self.policy: dict[str, float] = {}  # the daemon's, asked once: a test may stop the daemon
        self.daemon = Unit("monitor", "rollback.service", clients.daemon(), "/health/ready")
        self.alertmanager = Unit("monitor", "alertmanager.service", clients.alertmanager(), "/-/ready")
        self.prometheus = Unit("monitor", "prometheus.service", clients.prometheus(), "/-/ready")
        self.redis, self.postgresql = Dependency("data", "redis-server"), Dependency("data", "postgresql")
        self._undo: list[Callable[[], None]] = []
        self.alerts = Alerts(self.patience, self.ends)
        self.decisions = Decisions(self.patience, lambda: self.begin)
        self.rollbacks = Rollbacks(lambda: self.patience(trigger_with(self.symptom).name), lambda: self.begin)
        self.receivers = Receipts(self.patience)

    @cached_property
    def rules(self) -> dict[str, Alert]:
        """Every alert by its name."""
        return {alert.name: alert for alert in load(MONITORING / "rules")}

    def ends(self) -> dict[str, float]:
        """Return how long each alert that may roll back lasts after its cause, at most, in seconds."""
        return {name: resolution_s(self.rules[name], self.scale) for name in self.triggers()}

    def triggers(self) -> list[str]:
        """Return the names of the alerts that may roll back."""
        return [name for name, alert in self.rules.items() if alert.labels.get("rollback") == "auto"]

    def patience(self, alertname: str) -> Patience:
        """Return the time limits of an alert at the share of bad answers that the test causes."""
        return patience(
            self.rules[alertname], breach_share=self.breach_share, scale=self.scale, policy=self.policy
        )

    def fresh(self) -> None:
        """Have a daemon without a past, the good release live, and no alert that may roll back."""
        self.daemon.stop()
        self.daemon.run("sh", "-c", f"rm -f {DAEMON_DATABASE}*")
        self.daemon.start()
        steps.built(steps.building(steps.GOOD))
        steps.deploy_good(self.home)
        steps.make_known(steps.GOOD, SERVICE)
        clients.daemon().mark(SERVICE, steps.GOOD, "good")
        self.policy = policy_in_force()
        self.alerts.until_quiet()
        self.receivers.mark()
        self.begin = time.time()

    def mend(self) -> None:
        """Undo what the test broke and has not mended itself, the last first."""
        while self._undo:
            self._undo.pop()()

    def stop(self, what: Unit | Dependency) -> None:
        """Stop a service until the test starts it again or ends."""
        self._undo.append(what.start)
        what.stop()

    def power_off(self, host: str) -> None:
        """The host is gone from one moment to the next, until it is powered on or the test ends."""
        self._undo.append(lambda: containers.start(host))
        containers.kill(host)

    def power_on(self, host: str) -> None:
        """The host boots."""
        containers.start(host)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Nobody comes for the length of the block."""
        with self._day.silence():
            yield

    def play(self, *arguments: str) -> str:
        """Run a playbook as a person would, to its end; return its words whether it succeeded or not."""
        log = self.home / f"play-{time.time():.0f}.log"
        with playing(" ".join(arguments), arguments, log) as play, suppress(PlaybookError):
            steps.finish(play, steps.DEPLOY_S)
        return log.read_text(errors="replace")

    def deploy(self, version: str, fault: Fault | None = None) -> None:
        """Deploy a release to both hosts and wait until it is live."""
        with self.deploying(version, fault) as deploy:
            steps.finish(deploy, steps.DEPLOY_S)

    @contextmanager
    def deploying(self, version: str, fault: Fault | None = None) -> Iterator[Playbook]:
        """Deploy a release for the length of the block; its archive is built first."""
        steps.built(steps.building(version, fault.spec if fault else None))
        if fault:
            self.breach_share, self.symptom = fault.share, fault.symptom
        with steps.deploying(version, self.home / f"deploy-{version}.log") as deploy:
            yield deploy

    @contextmanager
    def load(self, errors: ErrorRate | None = None) -> Iterator[Running]:
        """Press both hosts for the length of the block; with *errors*, this share is asked to fail."""
        share = errors.share if errors else 0.0
        if errors:
            self.breach_share = share * TEST_RATE / (TEST_RATE + ORDINARY_RATE)
        with flowing(self.home / "load", TEST_RATE, share) as load:
            steps.patiently("the first good answers", lambda: totals(load.seconds())["ok"] > 0, CALM_S)
            yield load
            verdict = load.end()
        assert verdict["valid"], verdict["sentence"]

    def deliver_again(self, alertname: str) -> dict[str, Any]:
        """Deliver the firing alert once more, as the twin of an HA pair would; return the daemon's answer."""
        firing = clients.alertmanager().alerts(alertname=alertname)
        return clients.webhook().deliver(firing)

    def until_decided(self) -> None:
        """Wait until no alert waits for a decision."""
        steps.patiently(
            "every alert to be decided", lambda: not clients.daemon().status()["inbox_pending"], CALM_S
        )

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """Return the ledger's entries of a kind since the test began."""
        entries = clients.daemon().ledger()
        return [e for e in entries if e["kind"] == kind and seconds_of(e["at"]) >= self.begin]

    def follow(self, alertname: str, load: Running) -> Witnesses:
        """Begin the story of an alert; ask the witnesses for `news` while it happens."""
        return Witnesses(story=Story(time.time()), alert=self.rules[alertname], service=SERVICE, load=load)

    @property
    def live_version(self) -> str:
        """The version that both hosts answer with, or each host's where they differ."""
        found = steps.live_versions()
        return next(iter(found.values())) if len(set(found.values())) == 1 else str(found)

    def until_window_is_over(self) -> None:
        """Wait until no deployment is recent enough to be blamed."""

        def over() -> bool:
            ends = clients.daemon().service(SERVICE).get("deployment_window_ends")
            return ends is None or seconds_of(ends) < time.time()

        steps.patiently("the deployment window to be over", over, window_s())
