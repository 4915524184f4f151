"""The installed lab as one test sees it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from devtools.playbook import Playbook, PlaybookError, host_variables, playing
from harness.faults import FAULTS, ReleaseFault
from harness.incident.patience import (
    CALM_S,
    MONITORING,
    SERVICE,
    Patience,
    patience,
    policy_in_force,
    resolution_s,
    time_scale,
    window_s,
)
from harness.incident.story import Story, seconds_of
from harness.incident.witnesses import Witnesses
from harness.lab import addresses, containers
from harness.load.run import Running
from harness.load.summary import totals
from harness.stack import rollout, samples
from harness.stack.present import Faults
from harness.stack.traffic import ORDINARY_RATE, TEST_RATE, OrdinaryDay, flowing
from harness.stack.units import Dependency, Unit
from harness.stack.views import Alerts, Decisions, Receipts, Rollbacks
from monitoring.catalog import Alert, load

DAEMON_DATABASE = "/var/lib/mita-rollback/rollback.db"
MOST_SENT_AGAIN = 2
"""A lossless load may meet so many kept connections that ended in the moment in which it sent."""


class Stack:
    """Verbs and parts. Counts and records begin with the test; deadlines follow the fault that it causes."""

    def __init__(self, home: Path, day: OrdinaryDay, *, scale: float | None = None) -> None:
        self.home, self._day = home, day
        self.scale = scale or time_scale()
        self.begin = time.time()
        self.breach_share = 1.0
        self.fault = FAULTS["error"]
        self.policy: dict[str, float] = {}  # the daemon's, asked once: a test may stop the daemon
        self.daemon = Unit("monitor", "rollback.service", addresses.daemon(), "/health/ready")
        self.alertmanager = Unit("monitor", "alertmanager.service", addresses.alertmanager(), "/-/ready")
        self.prometheus = Unit("monitor", "prometheus.service", addresses.prometheus(), "/-/ready")
        self.redis, self.postgresql = Dependency("data", "redis-server"), Dependency("data", "postgresql")
        self._undo: list[Callable[[], None]] = []
        self._powerless = False  # a host has had no power in this test
        self.alerts = Alerts(self.patience, self.ends)
        self.decisions = Decisions(self.patience, lambda: self.begin)
        self.rollbacks = Rollbacks(lambda: self.patience(self.fault.alert.name), lambda: self.begin)
        self.receivers = Receipts(self.patience)
        self.faults = Faults(self.rules, self.scale)

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
        if set(rollout.live_versions().values()) != {rollout.GOOD}:  # as most tests leave it
            rollout.built(rollout.building(rollout.GOOD))
            rollout.deploy_good(self.home)
        rollout.make_known(rollout.GOOD, SERVICE)
        addresses.daemon().mark(SERVICE, rollout.GOOD, "good")
        self.policy = policy_in_force()
        self.alerts.until_quiet()
        self.receivers.mark()
        self.begin = time.time()

    def mend(self) -> None:
        """Undo what the test broke and has not mended itself, the last first."""
        while self._undo:
            self._undo.pop()()

    def untrue(self) -> list[str]:
        """What Prometheus stored since the test began and cannot be so; none is what is wanted."""
        rollout.patiently("Prometheus to answer", lambda: addresses.prometheus().ready("/-/ready"), CALM_S)
        return samples.untrue(addresses.prometheus(), self.begin, self.scale)

    def stop(self, what: Unit | Dependency) -> None:
        """Stop a service until the test starts it again or ends."""
        self._undo.append(what.start)
        what.stop()

    def power_off(self, host: str) -> None:
        """The host is gone from one moment to the next, until it is powered on or the test ends."""
        self._powerless = True
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
            rollout.finish(play, rollout.DEPLOY_S)
        return log.read_text(errors="replace")

    def install(self, *arguments: str) -> None:
        """Run a playbook to its end; raises PlaybookError if it failed."""
        log = self.home / f"install-{time.time():.0f}.log"
        with playing(" ".join(arguments), arguments, log) as play:
            rollout.finish(play, rollout.INSTALL_S)

    @contextmanager
    def deployment_window(self, window: str) -> Iterator[None]:
        """The daemon blames deployments for so long (production time) for the length of the block."""
        changed = json.dumps(
            {"rollback_settings": {**host_variables()["rollback_settings"], "deployment_window": window}}
        )
        self.install("playbooks/rollback_daemon.yml", "-e", changed)
        try:
            yield
        finally:
            self.install("playbooks/rollback_daemon.yml")

    def build(self, version: str, fault: ReleaseFault | None = None) -> None:
        """Have the archive of a release."""
        rollout.built(rollout.building(version, fault.spec if fault else None))

    def deploy(self, version: str, fault: ReleaseFault | None = None) -> None:
        """Deploy a release to both hosts and wait until it is live."""
        with self.deploying(version, fault) as deploy:
            rollout.finish(deploy, rollout.DEPLOY_S)

    @contextmanager
    def deploying(self, version: str, fault: ReleaseFault | None = None) -> Iterator[Playbook]:
        """Deploy a release for the length of the block; its archive is built first."""
        self.build(version, fault)
        if fault:
            self.breach_share, self.fault = fault.share, fault
        with rollout.deploying(version, self.home / f"deploy-{version}.log") as deploy:
            yield deploy

    @contextmanager
    def load(self, error_ratio: float = 0.0, *, lossless: bool = False) -> Iterator[Running]:
        """Press both hosts for the length of the block; with *error_ratio*, this share is asked to fail.

        *lossless*: not one request may fail, and hardly one may be sent again. A host without power answers
        nobody: what is sent to it is lost, and the load is not judged.
        """
        if error_ratio:
            self.breach_share = error_ratio * TEST_RATE / (TEST_RATE + ORDINARY_RATE)
        with flowing(self.home / f"load-{time.time():.0f}", TEST_RATE, error_ratio) as load:
            rollout.patiently("the first good answers", lambda: totals(load.seconds())["ok"] > 0, CALM_S)
            yield load
            verdict, seconds = load.end(), load.seconds()
        assert self._powerless or verdict["valid"], verdict["sentence"]
        sums = totals(seconds)
        lost = sums["failed"] + sums["lost"]
        assert not lossless or (lost == 0 and sums["again"] <= MOST_SENT_AGAIN), sums

    def deliver_again(self, alertname: str) -> dict[str, Any]:
        """Deliver the firing alert once more, as the twin of an HA pair would; return the daemon's answer."""
        firing = addresses.alertmanager().alerts(alertname=alertname)
        return addresses.webhook().deliver(firing)

    def until_decided(self) -> None:
        """Wait until no alert waits for a decision."""
        rollout.patiently(
            "every alert to be decided", lambda: not addresses.daemon().status()["inbox_pending"], CALM_S
        )

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        """Return the ledger's entries of a kind since the test began."""
        entries = addresses.daemon().ledger()
        return [e for e in entries if e["kind"] == kind and seconds_of(e["at"]) >= self.begin]

    def follow(self, alertname: str, load: Running) -> Witnesses:
        """Begin the story of an alert; ask the witnesses for `news` while it happens."""
        return Witnesses(story=Story(time.time()), alert=self.rules[alertname], service=SERVICE, load=load)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for what no part of the stack waits for, as long as a whole incident may take."""
        rollout.patiently(what, condition, self.patience(self.fault.alert.name).whole)

    def until_good_would_have_come(self) -> None:
        """Wait as long as a release without trouble needs to become good."""
        over = time.time() + self.policy["good_after"] + 2 * self.policy["reconcile_interval"]
        rollout.patiently(
            "the time in which a release becomes good", lambda: time.time() > over, window_s() * 3
        )

    def proposals(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return what the daemon has proposed since the test began."""
        found = [p for p in addresses.daemon().proposals() if seconds_of(p["at"]) >= self.begin]
        return [p for p in found if state in (None, p["state"])]

    def approve(self, proposal: int) -> dict[str, Any]:
        """Say yes to a proposal, as a person does."""
        return addresses.daemon().approve(proposal)

    def mark_good(self, version: str) -> None:
        """Say that a release is good, as a person does."""
        addresses.daemon().mark(SERVICE, version, "good")

    def breaker(self) -> dict[str, Any]:
        """Return the open breaker; empty when it is closed."""
        return dict(addresses.daemon().service(SERVICE).get("breaker") or {})

    def deployments(self, version: str) -> list[dict[str, Any]]:
        """Return the deployments of a version since the test began."""
        found = addresses.daemon().deployments(SERVICE)
        return [d for d in found if d["version"] == version and seconds_of(d["started_at"]) >= self.begin]

    def rehearsal_failures(self) -> list[str]:
        """Return the hosts on which the way back does not work."""
        found = addresses.prometheus().query("mita_rollback_rehearsal_ok == 0")
        return [sample["metric"]["target_host"] for sample in found]

    def run_on(self, host: str, *argv: str) -> None:
        """Run a command as root on a host."""
        done = containers.get(host).exec_run(list(argv))
        assert done.exit_code == 0, done.output.decode(errors="replace")

    def version_on(self, host: str) -> str:
        """The version that one host answers with; `none` when it does not answer."""
        return rollout.live_versions()[host]

    @property
    def live_version(self) -> str:
        """The version that both hosts answer with, or each host's where they differ."""
        found = rollout.live_versions()
        return next(iter(found.values())) if len(set(found.values())) == 1 else str(found)

    def until_window_is_over(self) -> None:
        """Wait until no deployment is recent enough to be blamed."""

        def over() -> bool:
            ends = addresses.daemon().service(SERVICE).get("deployment_window_ends")
            return ends is None or seconds_of(ends) < time.time()

        rollout.patiently("the deployment window to be over", over, window_s())
