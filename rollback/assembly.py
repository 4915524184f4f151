"""Which concrete part goes where."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from rollback import __version__
from rollback.adapters.executors import CommandExecutor, CommandPlan
from rollback.adapters.metrics import Metrics, ReloadState, Sources
from rollback.adapters.monitoring import HttpMonitoring
from rollback.adapters.outputs import RunOutputs
from rollback.adapters.pagerduty import PagerDutyMessenger
from rollback.adapters.playbook import PlaybookSite, playbook_plan
from rollback.adapters.probes import HttpProbes
from rollback.adapters.slack import SlackMessenger
from rollback.adapters.sqlite import SqliteStore
from rollback.api.build import Parts, build
from rollback.api.gates import Watch
from rollback.api.runbooks import Runbooks, Site
from rollback.connections import Counts
from rollback.domain import wording
from rollback.domain.errors import StoreUnavailable
from rollback.domain.policy import Policy
from rollback.domain.ports import Clock
from rollback.domain.rollback import Rollback
from rollback.reloading import Loaded
from rollback.service.asking import People
from rollback.service.caretaking.caretaker import Caretaker
from rollback.service.caretaking.deployments import OpenDeployments
from rollback.service.caretaking.forgetting import Forgetting
from rollback.service.caretaking.holds import Holds
from rollback.service.caretaking.measuring_again import BlindEnds
from rollback.service.caretaking.observing import LiveVersions
from rollback.service.caretaking.proposals import OpenProposals
from rollback.service.caretaking.proving import GoodReleases
from rollback.service.caretaking.rehearsing import Rehearser
from rollback.service.caretaking.repairing import Repairs
from rollback.service.deciding import Decider
from rollback.service.desk import Desk
from rollback.service.gating import Gatekeeper
from rollback.service.intake import Intake, Reconciler
from rollback.service.narrating import KEPT, LIMIT, Narrator
from rollback.service.registering import Registry
from rollback.service.restoring import Restorer
from rollback.service.returning import Returner
from rollback.service.telling import Channel, Channels, Teller
from rollback.service.verifying import Verifier
from rollback.setting_groups import ExecutorKind
from rollback.settings import Settings
from rollback.worker import Worker

STORED_WITHIN = 4
"""Something is stored in each pass of reconciling: after so many passes without it, nothing can be."""
BUNDLE = Path(__file__).resolve().parent.parent
"""Where this package, its libraries, the playbook and the runbooks were unpacked together."""


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """The two halves of the daemon; they meet only in the store."""

    worker: Worker
    application: FastAPI
    counts: Counts
    narrate: Callable[[], str]


def assemble(
    store: SqliteStore, clock: Clock, loaded: Callable[[], Loaded], reload_state: Callable[[], ReloadState]
) -> Assembled:
    """Put the daemon together. Everything that a reload may change is asked for when it is used."""

    def policy() -> Policy:
        return loaded().policy

    monitoring = HttpMonitoring(
        lambda: loaded().prometheus,
        lambda: loaded().alertmanager,
        lambda: loaded().settings.traffic_series,
        lambda: loaded().settings.paging_severities,
        lambda: policy().verification_interval,
    )
    probes = HttpProbes(lambda: loaded().settings.probes, lambda: loaded().probes_ca)
    intake, decider = Intake(store, clock, policy), Decider(store, clock, monitoring, probes, policy)
    executor = CommandExecutor(
        lambda: _plan(loaded()),
        clock,
        os.environ,
        hosts=lambda service: list(loaded().settings.probes.get(service, {})),
        checksum=lambda rollback: _checksum(store, rollback),
    )
    verifier = Verifier(store, clock, monitoring, probes, policy)
    gatekeeper, stopping = Gatekeeper(store, monitoring, decider.look), threading.Event()
    restorer = Restorer(store, clock, executor, probes, gatekeeper, verifier, policy)
    holds = Holds(store, clock, policy)
    outputs = RunOutputs(lambda: loaded().settings.state_directory / "runs")
    forgetting = Forgetting(store, clock, policy, outputs)
    caretaker = Caretaker(
        store,
        clock,
        monitoring,
        probes,
        policy,
        common={"holds": holds.tell, "freezes": holds.thaw, "old records": forgetting.work},
        duties=[
            OpenDeployments(store),
            LiveVersions(store),
            BlindEnds(verifier, restorer, stopping.wait),
            Repairs(store),
            OpenProposals(store),
            GoodReleases(store, monitoring),
        ],
    )
    worker = Worker(
        store,
        decider,
        Reconciler(store, clock, monitoring, intake, policy),
        restorer,
        _tellers(store, clock, loaded),
        caretaker,
        Rehearser(store, clock, executor, probes, policy, stopping.wait),
        lambda: policy().reconcile_interval.total_seconds(),
        stopping,
    )

    def trouble() -> list[str]:
        patience = STORED_WITHIN * max(policy().reconcile_interval.total_seconds(), 3.0)
        found = store.trouble(patience)
        return [*found, *(one for one in worker.trouble() if not any(known in one for known in found))]

    def told() -> list[str]:
        """Trouble, and what leaves the daemon ready all the same."""
        problem = reload_state().problem
        return [*trouble(), *([wording.cut(f"{KEPT}: {problem}", LIMIT)] if problem else [])]

    metrics = Metrics(
        Sources(
            store=store,
            monitoring=monitoring,
            clock=clock,
            policy=policy,
            probed=lambda: loaded().settings.probes,
            reload_state=reload_state,
            version=__version__,
            failing=worker.failing,
            written=lambda: store.written,
        )
    )
    parts = Parts(
        intake=intake,
        desk=Desk(store, clock, monitoring, decider, policy, told),
        registry=Registry(store, clock, probes, policy),
        people=People(store, decider.look, policy),
        returner=Returner(store, decider.look),
        watch=Watch(
            accounts=lambda: loaded().accounts,
            body_limit=lambda: loaded().settings.body_limit,
            now=lambda: clock.now().timestamp(),
            counted=metrics.doors.answered,
            deprecated=metrics.doors.deprecated,
        ),
        metrics=metrics.render,
        trouble=trouble,
        alerts_arrived=worker.kick,
        runbooks=Runbooks(BUNDLE / "docs" / "runbooks", lambda: _site(loaded().settings)),
    )
    narrator = Narrator(
        store, clock, monitoring, policy, parts.trouble, lambda: not reload_state().successful
    )
    counts = Counts(
        answered=metrics.doors.answered,
        connected=metrics.doors.connected,
        dismissed=metrics.doors.dismissed,
    )
    return Assembled(worker=worker, application=build(parts), counts=counts, narrate=narrator.line)


def _site(settings: Settings) -> Site:
    asked = ("prometheus_url", "alertmanager_url")
    return Site(
        name=settings.site_name,
        inventory=settings.site_inventory,
        hosts=settings.site_hosts,
        addresses={str(Settings.model_fields[name].default): getattr(settings, name) for name in asked},
    )


def _tellers(store: SqliteStore, clock: Clock, loaded: Callable[[], Loaded]) -> dict[str, Teller]:
    """One for each channel, Slack first."""

    def external_url() -> str:
        return loaded().settings.external_url

    slack = SlackMessenger(lambda: loaded().slack_url, lambda: loaded().settings.slack_channel, external_url)
    pagerduty = PagerDutyMessenger(
        lambda: loaded().settings.pagerduty_url, lambda: loaded().pagerduty_key, external_url
    )
    channels = Channels(
        all=(Channel(name="slack", messenger=slack), Channel(name="pagerduty", messenger=pagerduty)),
        patience=lambda: loaded().settings.second_channel_after,
    )
    return {one.name: Teller(store, clock, channels, one) for one in channels.all}


def _checksum(store: SqliteStore, rollback: Rollback) -> str:
    """The target's checksum; a database that cannot be read must not stop a rollback."""
    with suppress(StoreUnavailable):
        releases = store.service_state(rollback.service, rollback.env).releases
        return next((r.checksum for r in releases if r.version == rollback.to_version), "")
    return ""


def _plan(loaded: Loaded) -> CommandPlan:
    """What the executor runs, by the settings of this moment."""
    settings, chosen = loaded.settings, loaded.settings.executor
    timeout, grace = chosen.timeout.total_seconds(), chosen.stop_grace.total_seconds()
    if chosen.kind is ExecutorKind.COMMAND:
        return CommandPlan(
            argv=chosen.argv,
            rehearsal_argv=chosen.rehearsal_argv,
            directory=chosen.directory,
            runs=settings.state_directory / "runs",
            timeout=timeout,
            grace=grace,
            environment=chosen.environment,
        )
    site = PlaybookSite(
        bundle=BUNDLE,
        playbook=chosen.playbook,
        inventory=loaded.inventory,
        state=settings.state_directory,
        timeout=timeout,
        grace=grace,
    )
    return playbook_plan(site)
