"""The daemon as seen by Prometheus; counted from durable records where there are any."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, product

import prometheus_client
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from rollback.adapters.sqlite.forgetting import LIMITS
from rollback.adapters.state_metrics import Probed, state_metrics
from rollback.domain.errors import StoreUnavailable
from rollback.domain.policy import Policy
from rollback.domain.ports import Clock, Monitoring, Store
from rollback.domain.reasons import Reason, verdict_of
from rollback.domain.rollback import ACTIVE, Phase, VerificationVerdict
from rollback.domain.stored import NoticeState, Tally

Key = tuple[str, ...]
REFUSED = (400, 401, 404, 405, 413, 429, 503)
ANSWERS = {
    "webhook": (202, *REFUSED),
    "admin": (200, 201, 403, 409, 422, *REFUSED),
    "open": (200, 302, *REFUSED),
}
"""What each door may answer: these series exist at 0 from the start."""
OTHER = "other"
"""The label of triggers and applications that only alerts name: there could be any number of them."""


@dataclass(frozen=True, kw_only=True)
class ReloadState:
    """How the last reading of the settings went."""

    successful: bool
    succeeded_at: float
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the numbers come from; what a reload may change is asked for at each scrape."""

    store: Store
    monitoring: Monitoring
    clock: Clock
    policy: Callable[[], Policy]
    probed: Callable[[], Probed]
    reload_state: Callable[[], ReloadState]
    version: str
    failing: Callable[[], Mapping[str, bool]] = dict
    written: Callable[[], float] = float


class Doors:
    """What comes in from outside: answers, logins, connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = prometheus_client.Counter(
            "mita_rollback_requests_total",
            "Answers, by door (the webhook, the described interface, what is open) and status.",
            ["door", "code"],
            registry=registry,
        )
        for door, codes in ANSWERS.items():
            for code in codes:
                self._answers.labels(door, str(code))
        self._deprecated = prometheus_client.Counter(
            "mita_rollback_deprecated_logins_total",
            "Logins with the bare secret, which the setting legacy_auth allows.",
            registry=registry,
        )
        self._connections = prometheus_client.Gauge(
            "mita_rollback_connections", "Connections that are open.", registry=registry
        )
        self._dismissed = prometheus_client.Counter(
            "mita_rollback_connections_refused_total",
            "Idle connections closed early because others wanted in.",
            registry=registry,
        )

    def answered(self, door: str, code: int) -> None:
        """One request was answered."""
        self._answers.labels(door, str(code)).inc()

    def deprecated(self) -> None:
        """Somebody came in with the bare secret."""
        self._deprecated.inc()

    def connected(self, count: int) -> None:
        """So many connections are open now."""
        self._connections.set(count)

    def dismissed(self) -> None:
        """An idle connection made room."""
        self._dismissed.inc()


class Metrics:
    """Everything under /metrics."""

    def __init__(self, sources: Sources) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.doors = Doors(self._registry)
        ProcessCollector(registry=self._registry)
        self._registry.register(_Records(sources))

    def render(self) -> tuple[bytes, str]:
        """The exposition and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Records(prometheus_client.registry.Collector):
    """Reads the records anew for every scrape."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._born = sources.clock.now()

    def describe(self) -> list[Metric]:
        """Nothing: the registry must not read the database when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric; without those from the database, and mita_rollback_store_up 0, when it fails."""
        build = GaugeMetricFamily("mita_rollback_build_info", "The daemon's version.", labels=["version"])
        build.add_metric([self._from.version], 1)
        yield build
        yield _gauge(
            "mita_rollback_clock_seconds",
            "What time the daemon has.",
            self._from.clock.now().timestamp(),
        )
        yield from self._reload()
        yield from self._health()
        yield from self._sources()
        try:
            tally = self._from.store.tally()
        except StoreUnavailable:
            yield _gauge("mita_rollback_store_up", "1 while the database can be read.", 0)
            return
        yield _gauge("mita_rollback_store_up", "1 while the database can be read.", 1)
        policy = self._from.policy()
        ours = [state for state in tally.services if state.env == policy.environment]
        applications = {state.service for state in ours}
        yield from _counts(tally, applications, set(policy.modes), self._born)
        yield _gauge(
            "mita_rollback_notices_oldest_seconds",
            "For how long the oldest message to people that is not yet sent has waited; 0 when none waits.",
            self._age(tally.oldest_notice),
        )
        yield from state_metrics(ours, policy, self._from.probed(), self._from.clock.now())

    def _age(self, since: datetime | None) -> float:
        return max((self._from.clock.now() - since).total_seconds(), 0.0) if since else 0.0

    def _reload(self) -> Iterator[Metric]:
        state = self._from.reload_state()
        yield _gauge(
            "mita_rollback_config_last_reload_successful",
            "1 when the settings on disk are the ones in use.",
            float(state.successful),
        )
        yield _gauge(
            "mita_rollback_config_last_reload_success_timestamp_seconds",
            "When settings were last read successfully.",
            state.succeeded_at,
        )

    def _health(self) -> Iterator[Metric]:
        loops = GaugeMetricFamily(
            "mita_rollback_loop_failing",
            "1 while a loop of the daemon fails again and again.",
            labels=["loop"],
        )
        for name, failing in self._from.failing().items():
            loops.add_metric([name], float(failing))
        yield loops
        yield _gauge(
            "mita_rollback_store_written_timestamp_seconds",
            "When the database last stored something, 0 if not since the start.",
            self._from.written(),
        )

    def _sources(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "mita_rollback_source_up", "1 if it answered the last time.", labels=["source"]
        )
        failures = CounterMetricFamily(
            "mita_rollback_source_failures", "Times it could not be asked.", labels=["source"]
        )
        for source in self._from.monitoring.sources():
            failures.add_metric([source.name], source.failures)
            if source.reachable is not None:
                up.add_metric([source.name], float(source.reachable))
        yield up
        yield failures


def _counts(tally: Tally, applications: set[str], triggers: set[str], born: datetime) -> Iterator[Metric]:
    named = (*applications, OTHER)
    yield _rollbacks(tally, applications, triggers)
    yield _durations(_by_application(tally.durations, applications), named)
    measured = product(named, VerificationVerdict)
    text, counts = (
        "What measuring after a restore showed.",
        _by_application(tally.verifications, applications),
    )
    yield _counter("mita_rollback_verifications", text, ["application", "verdict"], measured, counts)
    notices: dict[Key, int] = {(state,): count for state, count in tally.notices.items()}
    told = product((NoticeState.SENT, NoticeState.DROPPED))
    yield _counter("mita_rollback_notices", "Messages to people.", ["result"], told, notices)
    yield CounterMetricFamily(
        "mita_rollback_quarantined_alerts",
        "Alerts that could not be read, or not be decided again and again.",
        value=tally.quarantined,
    )
    yield _decisions(tally, applications, triggers)
    yield _gauge("mita_rollback_inbox_pending", "Alerts that wait for a decision.", tally.inbox_pending)
    yield _gauge("mita_rollback_inbox_held", "Alerts to be decided again.", tally.inbox_held)
    waiting = tally.notices.get(NoticeState.WAITING, 0)
    yield _gauge("mita_rollback_notices_waiting", "Messages to people that are not yet sent.", waiting)
    yield _gauge(
        "mita_rollback_last_watchdog_timestamp_seconds",
        "When the always-firing alert last arrived, or the daemon's start if not since then.",
        max(tally.last_heartbeat or born, born).timestamp(),
    )


def _rollbacks(tally: Tally, applications: set[str], triggers: set[str]) -> Metric:
    counts: Counter[Key] = Counter()
    for (service, phase, *asked), count in tally.rollbacks.items():
        trigger = asked[0] if asked else OTHER  # counted by an earlier version, which did not note it
        named = _of(trigger, triggers) if trigger else str(Reason.BY_HAND)
        counts[_of(service, applications), phase, named] += count
    ended = [phase for phase in Phase if phase not in ACTIVE]
    known = product((*applications, OTHER), ended, (*triggers, str(Reason.BY_HAND), OTHER))
    text = "Rollbacks by how they ended, and by the trigger of the alert that asked; by_hand: a person did."
    return _counter("mita_rollback", text, ["application", "result", "trigger"], known, counts)


def _durations(counts: Mapping[Key, int], named: Iterable[str]) -> Metric:
    """A histogram with all its buckets from the start."""
    text = "Seconds from the request of a rollback until its hosts were restored, or until it ended without."
    family = HistogramMetricFamily("mita_rollback_duration_seconds", text, labels=["application", "result"])
    limits = [*map(str, LIMITS), "+Inf"]
    for labels in product(sorted(named), sorted(phase for phase in Phase if phase not in ACTIVE)):
        reached = accumulate(counts.get((*labels, limit), 0) for limit in limits)
        family.add_metric(labels, list(zip(limits, reached, strict=True)), counts.get((*labels, "sum"), 0))
    return family


def _decisions(tally: Tally, applications: set[str], triggers: set[str]) -> Metric:
    counts: Counter[Key] = Counter()
    for (service, _, reason, trigger), count in tally.decisions.items():
        application = _of(service, applications)
        verdict = verdict_of(Reason(reason)) if reason in set(Reason) else OTHER  # of a newer version
        counts[application, verdict, reason, _of(trigger, triggers)] += count
    known = (
        (application, verdict_of(reason), reason, trigger)
        for application, reason, trigger in product((*applications, OTHER), Reason, (*triggers, OTHER))
    )
    labels = ["application", "verdict", "reason", "trigger"]
    return _counter("mita_rollback_decisions", "Decisions about alerts.", labels, known, counts)


def _by_application(counts: Mapping[Key, int], applications: set[str]) -> Counter[Key]:
    """The counts by application and what else; what was of an environment before is not lost."""
    found: Counter[Key] = Counter()
    for (service, *rest), count in counts.items():
        found[_of(service, applications), *rest] += count
    return found


def _of(name: str, known: set[str]) -> str:
    return name if name in known else OTHER


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(
    name: str, text: str, labels: list[str], known: Iterable[Key], counts: Mapping[Key, int]
) -> CounterMetricFamily:
    """A counter with a series for all that is known, at 0 from the start."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values in sorted(known):
        family.add_metric([str(value) for value in values], counts.get(values, 0))
    return family
