"""One round on the lab: a known state, a release, the disturbances, rest, and what is left."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.wait import DeadlineError, until
from harness import clients
from harness.chaos.disturbing import acts
from harness.chaos.judging import Left
from harness.chaos.schedule import APPLICATION_HOSTS, Anchor, Disturbance, Schedule
from harness.faults import FAULTS
from harness.incident.patience import CALM_S, SERVICE, window_s
from harness.incident.receipts import ALERTMANAGER, sender
from harness.incident.story import seconds_of
from harness.lab import addresses, containers
from harness.stack import Stack, rollout
from harness.stack.traffic import TEST_RATE, OrdinaryDay, flowing

BAD, HEALTHY = "3.0.0", "2.0.0"
FAULT = FAULTS["error"]
OURS = 'ALERTS{alertstate="firing",rollback=~"auto|propose"}'
VETOES = 'ALERTS{rollback="veto"}'
HISTORY = "/opt/mita-backend/history.jsonl"
UNIT = "mita-backend.service"
LOOK_S = 0.1
HANDED_OVER_S = 30.0  # longer than the daemon waits between two tries
Say = Callable[[str], None]


def play(schedule: Schedule, home: Path, day: OrdinaryDay, say: Say) -> Left:
    """What is left of the round. Raises UserError when it could not be played."""
    stack = Stack(home, day)
    stack.fresh()
    return Round(schedule, stack, say).play()


class Round:
    """The moments of one round, and the threads that wait for them."""

    def __init__(self, schedule: Schedule, stack: Stack, say: Say) -> None:
        self.schedule, self.stack = schedule, stack
        self.version = BAD if schedule.bad else HEALTHY
        self._tell = say
        self._began, self._live_at, self._handed_at = time.time(), 0.0, 0.0
        self._reached = {anchor: threading.Event() for anchor in Anchor}
        self._over = threading.Event()

    def play(self) -> Left:
        """Deploy, disturb, wait for rest, and look."""
        with flowing(self.stack.home / "load", TEST_RATE), ThreadPoolExecutor() as threads:
            done = [threads.submit(self._disturb, one) for one in self.schedule.disturbances]
            try:
                self._deploy()
                self._watch(done)
            finally:
                self._over.set()
            for one in done:
                one.result()  # what could not be done makes the round void
            self._rest()
            return self._look()

    def _say(self, words: str) -> None:
        self._tell(f"{time.time() - self._began:7.1f} s  {words}")

    def _reach(self, anchor: Anchor) -> None:
        self._say(anchor.value)
        self._reached[anchor].set()

    def _deploy(self) -> None:
        self._began = time.time()
        with self.stack.deploying(self.version, FAULT if self.schedule.bad else None) as deploy:
            self._reach(Anchor.DEPLOYING)
            rollout.finish(deploy, rollout.DEPLOY_S)
        self._live_at = time.time()
        self._reach(Anchor.LIVE)

    def _disturb(self, what: Disturbance) -> None:
        """Wait for its moment, do it, and undo it whatever happens meanwhile."""
        reached = self._reached[what.anchor]
        while not reached.wait(LOOK_S):
            if self._over.is_set():
                return
        self._over.wait(what.after_s)
        act, undo = acts(what, self.stack)
        try:
            act()
            self._say(f"{what.host} {what.kind}".strip())
            if what.lasts_s:
                self._over.wait(what.lasts_s)
        finally:
            undo()
            if what.lasts_s:
                self._say(f"over: {what.host} {what.kind}".replace("  ", " "))

    def _watch(self, done: list[Future[None]]) -> None:
        """Until every disturbance is over, or no rollback comes that the rest of them wait for."""
        limit = self._limit()
        with suppress(DeadlineError):
            until(
                "the disturbances to be over", lambda: self._played(done), deadline_s=limit, interval_s=LOOK_S
            )

    def _played(self, done: list[Future[None]]) -> bool:
        anchor = self._reached[Anchor.ROLLBACK]
        if not anchor.is_set():
            with suppress(clients.ClientError):
                if self.stack.rollbacks.all():
                    self._reach(Anchor.ROLLBACK)
        return all(one.done() for one in done)

    def _limit(self) -> float:
        """As long as a whole incident may take, and every disturbance one after the other."""
        away = sum(one.lasts_s for one in self.schedule.disturbances)
        return self.stack.patience(FAULT.alert.name).whole + away

    def _rest(self) -> None:
        """Until the lab is as it should be, or too long for that to come; the judge says what is wrong."""
        limit = self._limit() + CALM_S + (0 if self.schedule.bad else window_s())
        try:
            until("the lab to come to rest", self._at_rest, deadline_s=limit, interval_s=0.5)
        except DeadlineError as error:
            self._say(str(error))
        self._say("at rest")

    def _at_rest(self) -> bool:
        """Nothing is under way, waits, or may still come."""
        daemon = addresses.daemon()
        status, service = daemon.status(), daemon.service(SERVICE)
        if self._handed_over(service):
            return True
        wanted = rollout.GOOD if self.schedule.bad else self.version
        active = {alert["labels"].get("rollback") for alert in addresses.prometheus().alerts()}
        return (
            set(rollout.live_versions().values()) == {wanted}
            and not status["inbox_pending"]
            and service["active_rollback"] is None
            and not service["waiting_hosts"]
            and (service["last_rollback"] or {}).get("verdict") != "blind"
            and not active & {"auto", "propose"}
            and self._everybody_told()
            and (self.schedule.bad or service["deployment_window_ends"] is None)
            and addresses.alertmanager().ready("/-/ready")
        )

    def _handed_over(self, service: dict[str, Any]) -> bool:
        """Whether the daemon has left it to a person, and has stayed with that for a while."""
        last = service["last_rollback"] or {}
        handed = bool(service["proposal"]) or last.get("phase") in ("failed", "unverified")
        if not handed or service["active_rollback"] is not None:
            self._handed_at = 0.0
        elif not self._handed_at:
            self._handed_at = time.monotonic()
        return bool(self._handed_at) and time.monotonic() - self._handed_at > HANDED_OVER_S

    def _everybody_told(self) -> bool:
        lines = addresses.daemon().send("GET", "/metrics").text.splitlines()
        return "mita_rollback_notices_waiting 0.0" in lines

    def _look(self) -> Left:
        stack, daemon = self.stack, addresses.daemon()
        told = [r for r in stack.receivers.records() if sender(r) != ALERTMANAGER and r["status"] < 300]
        status, since = daemon.status(), int(time.time() - stack.begin)

        def alerts(chosen: str) -> frozenset[str]:
            found = addresses.prometheus().query(f"count_over_time({chosen}[{since}s])")
            return frozenset(one["metric"]["alertname"] for one in found)

        return Left(
            good=rollout.GOOD,
            deployed=self.version,
            versions=rollout.live_versions(),
            live=str((status["services"][SERVICE]["current"] or {}).get("version")),
            rollbacks=stack.rollbacks.all(),
            decisions=daemon.decisions(SERVICE),
            ledger=daemon.ledger(),
            history={host: self._history(host) for host in APPLICATION_HOSTS},
            starts={host: self._starts(host) for host in APPLICATION_HOSTS},
            fired=alerts(OURS),
            vetoes=alerts(VETOES),
            proposals=stack.proposals(),
            told=[json.dumps(record["body"]) for record in told],
            pages=stack.receivers.paged(),
            pending=status["inbox_pending"],
        )

    def _history(self, host: str) -> list[dict[str, Any]]:
        """What the host wrote down since the round began: releases that went live, and by whom."""
        lines = self._on(host, "cat", HISTORY).splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if seconds_of(entry["at"]) >= self._began]

    def _starts(self, host: str) -> int:
        """How often systemd started the application there since the deployment ended."""
        since = f"--since=@{self._live_at:.0f}"
        words = self._on(host, "journalctl", f"--unit={UNIT}", since, "--output=cat", "--quiet")
        return sum(line.startswith("Started ") for line in words.splitlines())

    def _on(self, host: str, *argv: str) -> str:
        done = containers.get(host).exec_run(list(argv))
        words: str = done.output.decode(errors="replace")
        if done.exit_code:
            raise UserError(f"expected {' '.join(argv)} on {host} to succeed, found: {words.strip()}")
        return words
