"""`harness demo`: from bare hosts to a bad release that was rolled back by itself, with the proof of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.playbook import Playbook
from harness.demo import report
from harness.demo.judgement import judge
from harness.demo.screen import Screen
from harness.faults import FAULTS
from harness.faults.causes import EXPECTED
from harness.faults.fault import faults
from harness.incident.patience import ANSIBLE_S, CALM_S, SERVICE, Patience, patience_of
from harness.incident.receipts import Receipt, compare, wrong
from harness.incident.story import Stage, Story, seconds_of
from harness.incident.witnesses import Witnesses
from harness.lab import addresses, lab
from harness.load.run import Running, Wanted, running
from harness.stack import rollout
from monitoring.yaml_text import read_yaml

BAD = "2.0.0"
RATE = 30
LONGEST_LOAD_S = 1800.0
DONE = frozenset({Stage.LIVE, Stage.FINISHED, Stage.FIRST_GOOD, Stage.RESOLVED})
AWAITED = (
    (Stage.FIRST_BAD, "waiting for the first bad response"),
    (Stage.PENDING, "waiting for the alert to be pending"),
    (Stage.FIRING, "waiting for the alert to fire"),
    (Stage.DECIDED, "waiting for the daemon's decision"),
    (Stage.RESTORED, "waiting for the rollback, host by host"),
    (Stage.FINISHED, "waiting for the measured verification"),
    (Stage.FIRST_GOOD, "waiting until no bad response comes any more"),
    (Stage.RESOLVED, "waiting for the alert to end"),
)


class Demo:
    """One run: its screen, its folder, and the steps in their order."""

    def __init__(self, name: str, screen: Screen, *, rate: int = RATE) -> None:
        self.fault = FAULTS[name]
        self.rate = rate
        self.screen = screen
        self.out = RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-demo-{name}"
        self.out.mkdir(parents=True, exist_ok=True)

    def run(self) -> bool:
        """Do everything; true only if the proof holds."""
        self.prepare()
        patience = patience_of(self.fault)
        with self.pressed() as load:
            self.calm(load, patience)
            witnesses = self.rolled_back(load, patience)
            checks, rows, facts = judge(self.fault, witnesses)
            verdict = load.end()
        checks.append(report.of_load(verdict))
        report.save(self.out, witnesses.story, rows, checks, facts)
        self.conclude(witnesses.story, rows, checks)
        return all(check.holds for check in checks)

    def prepare(self) -> None:
        """Bring up the lab, install everything, build both releases, and have the good one live."""
        with self.screen.phase("lab: five hosts"):
            lab.up()
        builds = [rollout.building(rollout.GOOD), rollout.building(BAD, self.fault.spec)]
        with self.screen.phase("installation: receivers, then site.yml; both releases are built meanwhile"):
            with rollout.installing(self.out / "site.log") as install:
                rollout.finish(install, rollout.INSTALL_S, self.screen.beat)
            for build in builds:
                rollout.built(build)
        rollout.patiently("no rollback to be under way", settled, ANSIBLE_S * 2)
        if set(rollout.live_versions().values()) == {rollout.GOOD}:
            rollout.make_known(rollout.GOOD, SERVICE)
            self.screen.say(f"release {rollout.GOOD} is live on both application hosts: nothing to deploy")
        else:
            with self.screen.phase(f"release {rollout.GOOD}, a good one"):
                rollout.deploy_good(self.out, self.screen.beat)
        addresses.daemon().mark(SERVICE, rollout.GOOD, "good", note="the demo")
        self.screen.say("  good by a person's word; by itself it would be after a while of traffic", "dim")

    @contextmanager
    def pressed(self) -> Iterator[Running]:
        """Send honest load to both hosts for the length of the block."""
        targets = [application.base for application in addresses.applications().values()]
        self.screen.say(f"locust: {self.rate} requests per second to {' and '.join(targets)}", "bold")
        wanted = Wanted(
            targets=targets,
            out=self.out / "load",
            rate=self.rate,
            duration=LONGEST_LOAD_S,
            slow_over=self.fault.slow_over,
        )
        with running(wanted) as load:
            yield load

    def calm(self, load: Running, patience: Patience) -> None:
        """Wait until nothing is wrong: requests succeed, the alert does not fire, no cooldown runs."""
        name = self.fault.alert.name
        prometheus, daemon = addresses.prometheus(), addresses.daemon()

        def calm() -> bool:
            cooling = daemon.service(SERVICE).get("cooldown_until")
            self.screen.beat("waiting for calm" + (f", cooldown until {cooling}" if cooling else ""))
            good = [row for row in load.seconds() if row["ok"]]
            return len(good) >= 2 and not prometheus.alerts(alertname=name) and not _future(cooling)

        rollout.patiently("calm before the release", calm, CALM_S + patience.cooldown)

    def rolled_back(self, load: Running, patience: Patience) -> Witnesses:
        """Deploy the bad release and follow the story to its end."""
        witnesses = Witnesses(
            story=Story(time.time()),
            alert=self.fault.alert,
            service=SERVICE,
            load=load,
            records_after=addresses.receivers().reset(),
            ledger_after=_last_id(addresses.daemon().ledger()),
        )
        least, mean, most = patience.firing
        self.screen.say(
            f"release {BAD}, a bad one ({self.fault.spec}); elapsed times count from here", "bold"
        )
        self.screen.say(f"  by its rule, {self.fault.alert.name} fires {least:.0f} to {most:.0f} s", "dim")
        self.screen.say(f"  (mean {mean:.0f} s) after enough responses are bad", "dim")
        with rollout.deploying(BAD, self.out / f"deploy-{BAD}.log") as deploy:
            self._follow(witnesses, deploy, patience)
        return witnesses

    def _follow(self, witnesses: Witnesses, deploy: Playbook, patience: Patience) -> None:
        """Print each moment as it becomes known, until the incident is over and everybody was told."""
        story = witnesses.story

        def over() -> bool:
            for moment in witnesses.news():
                self.screen.plain(story.line(moment), "cyan")
            require_success(story)
            deployed = deploy.done()
            reached = {moment.stage for moment in story.moments}
            waiting = [text for stage, text in AWAITED if stage not in reached]
            doing = (
                f"deploying: {deploy.task()}"
                if not deployed
                else (waiting or ["waiting for the last message"])[0]
            )
            self.screen.beat(doing)
            return reached >= DONE and everybody_told(witnesses)

        rollout.patiently("the rollback to be finished, verified and told", over, patience.whole)

    def conclude(self, story: Story, rows: Sequence[Receipt], checks: Sequence[report.Check]) -> None:
        """Print all moments in the order of time, what every receiver got, every check, and where to look.

        Meanwhile each was printed when it was known: some are known only when they are over.
        """
        self.screen.say("in the order of time:", "bold")
        for moment in story.moments:
            self.screen.plain(story.line(moment), "cyan")
        self.screen.show(report.receipts_table(rows))
        known = read_yaml(EXPECTED.read_text("utf-8"))
        self.screen.plain(report.others(rows, of_release(self.fault.behaviour.name), known), "dim")
        for check in checks:
            self.screen.plain(check.line(), "green" if check.holds else "red bold")
        for line in places():
            self.screen.plain(line)
        self.screen.plain(f"This run      {self.out}")
        self.screen.save(self.out / "timeline.txt")


def of_release(name: str) -> set[str]:
    """The alerts that the faults of the catalogue which deploy such a release prove or may cause."""
    ones = [fault for fault in faults().values() if fault.deploys.partition("=")[0] == name]
    return {alert for fault in ones for alert in (*fault.proves, *fault.may)}


def settled() -> bool:
    """Tell whether the daemon has no rollback under way, such as one that an interrupted demo left."""
    return addresses.daemon().service(SERVICE).get("active_rollback") is None


def require_success(story: Story) -> None:
    """Raise UserError if the rollback ended otherwise than it must: waiting longer would not help."""
    ended = [m.detail for m in story.moments if m.stage is Stage.FINISHED and "succeeded" not in m.detail]
    if ended:
        raise UserError(f"expected the rollback to succeed, found: {'; '.join(ended)}")


def everybody_told(witnesses: Witnesses) -> bool:
    """Tell whether the alert's own receivers heard that it fires and that it is over."""
    labels = {"alertname": witnesses.alert.name, **witnesses.alert.labels}
    records = witnesses.receivers.requests()
    rows = compare(witnesses.routing, records, [labels], main=witnesses.alert.name)
    return not [row for row in wrong(rows) if row.subject == witnesses.alert.name]


def places() -> list[str]:
    """Return where a person can look at what happened."""
    return [
        f"Prometheus    {addresses.prometheus().base}/alerts",
        f"Alertmanager  {addresses.alertmanager().base}",
        f"Daemon        {addresses.daemon().base}/api/admin/rollback/status (user admin)",
        f"Receivers     {addresses.receivers().base}/requests",
        *(f"{name:<13} {app.base}/version" for name, app in addresses.applications().items()),
    ]


def _future(iso: str | None) -> bool:
    return iso is not None and seconds_of(iso) > time.time()


def _last_id(entries: Sequence[dict[str, Any]]) -> Any:
    return entries[-1]["id"] if entries else 0
