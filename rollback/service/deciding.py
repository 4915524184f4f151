"""From waiting alerts to recorded decisions."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from rollback.domain import notices
from rollback.domain.alert import Alert, Source
from rollback.domain.decision import Decision, decide
from rollback.domain.errors import Blind, ConcurrentChange, Unavailable
from rollback.domain.facts import Facts, Watched
from rollback.domain.ports import Clock, Monitoring, Probes, Store
from rollback.domain.reasons import Reason, Verdict
from rollback.domain.stored import DecisionRecord, InboxItem, ServiceState, Settled
from rollback.service.context import PolicySource
from rollback.service.looking import Look, settled_unseen

LOG = structlog.get_logger("rollback.decide")
AT_ONCE = 1_000
TRIES = 3
FRESH_SECONDS = 10.0
"""A look at the world that is older is taken anew, and what arrived meanwhile gets its turn."""
PATIENT = (Unavailable, Blind, ConcurrentChange)
"""What passes: an alert that meets it waits, however long that takes."""
TRIES_OF_ONE = 5
REST_SECONDS = 2.0
"""After its first failure an alert rests for so long, after each later one twice as long as before."""
STARTING = (Verdict.ROLL_BACK, Verdict.PROPOSE)
"""Verdicts that change what the next alert of the service meets."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """How often an alert could not be decided, and until which tick it rests."""

    tries: int
    until: float


class Decider:
    """Decides what waits in the inbox, oldest first, service by service.

    An alert that cannot be decided rests, longer each time, and is set aside in the end.
    """

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes = monitoring, probes
        self._failed: dict[int, Failed] = {}

    def work(self, beat: Callable[[], object] = lambda: None) -> int:
        """Decide what waits now; return how many alerts were settled. *beat* is called between two services.

        What goes wrong with one service is raised only when the others have had their turn.
        """
        settled, look, trouble = 0, self.look(), None
        self._set_aside_unreadable()
        for items in _by_service(self._store.waiting(AT_ONCE, self._resting())):
            beat()
            if self._clock.ticks() - look.ticks > FRESH_SECONDS:
                look = self.look()
            try:
                settled += self._settle(items, look)
            except ConcurrentChange as change:
                LOG.warning("not_decided", service=items[0].alert.service, why=str(change))
            except PATIENT as error:
                trouble = trouble or error
            except Exception as error:
                self._fail(items, error)
        if trouble:
            raise trouble
        return settled

    def _resting(self) -> list[int]:
        """The alerts that failed and rest."""
        ticks = self._clock.ticks()
        return [number for number, failed in self._failed.items() if ticks < failed.until]

    def _set_aside_unreadable(self) -> None:
        if found := dict(self._store.unreadable(AT_ONCE)):
            problem = next(iter(found.values()))
            LOG.error("alerts_set_aside", alerts=len(found), problem=problem)
            self._store.set_aside(found, self._clock.now(), (notices.set_aside(len(found), problem),))

    def _fail(self, items: Sequence[InboxItem], error: Exception) -> None:
        """Let them rest, or set them aside when that was often enough."""
        enough: list[InboxItem] = []
        for item in items:
            tries = self._failed[item.id].tries + 1 if item.id in self._failed else 1
            until = self._clock.ticks() + REST_SECONDS * 2 ** (tries - 1)
            self._failed[item.id] = Failed(tries=tries, until=until)
            enough += [item] if tries >= TRIES_OF_ONE else []
        seen, said = repr(error), len(items) == len(enough)
        LOG.error(
            "alerts_not_decided",
            service=items[0].alert.service,
            alerts=len(items),
            set_aside=len(enough),
            error=seen,
            exc_info=None if said else error,
        )
        if enough:
            first, problem = enough[0].alert, f"deciding about it failed {TRIES_OF_ONE} times: {seen}"
            told = (notices.not_decided(first, len(enough), problem),)
            self._store.set_aside({item.id: problem for item in enough}, self._clock.now(), told)
            for item in enough:
                del self._failed[item.id]

    def look(self) -> Look:
        """A new look at the world."""
        return Look(self._clock, self._policy(), self._monitoring, self._probes)

    def preview(self, alert: Alert) -> Decision:
        """The decision that the alert would get if it fired now; nothing is stored."""
        look = self.look()
        state = self._store.service_state(alert.service, alert.env)
        facts = look.facts(alert, Source.PREVIEW, state)
        if facts.watched.asked and not facts.watched.blind:
            facts = replace(facts, watched=self._imagined(alert, look, facts.watched))
        return decide(facts)

    def _imagined(self, alert: Alert, look: Look, watched: Watched) -> Watched:
        """As if it fired: nobody expects Prometheus to know an alert that was only imagined."""
        rule = look.rule(alert)
        return replace(
            watched,
            firing=True,
            evidence=look.number(rule.evidence) if rule and rule.evidence else None,
            vetoes=look.vetoes(alert.env, alert.starts_at, look.hosts(alert.service)),
        )

    def _settle(self, items: list[InboxItem], look: Look) -> int:
        """Decide the alerts of one service in order; what starts something is stored before the next."""
        alert = items[0].alert
        state = self._store.service_state(alert.service, alert.env)
        others: dict[tuple[Reason, str], list[tuple[InboxItem, Decision]]] = defaultdict(list)
        settled, alike = 0, Alike(state, look)
        failed: dict[str, tuple[Exception, list[InboxItem]]] = {}
        for item in items:
            for attempt in range(1, TRIES + 1):
                try:
                    decision = alike.decide(item)
                except PATIENT:
                    raise
                except Exception as error:
                    failed.setdefault(repr(error), (error, []))[1].append(item)
                    break
                if decision.verdict not in STARTING:
                    others[decision.reason, item.alert.name].append((item, decision))
                    break
                try:
                    settled += self._record((item,), decision)
                    break
                except ConcurrentChange as change:
                    LOG.info("decided_again", alert=item.id, attempt=attempt, why=str(change))
                finally:
                    alike = Alike(self._store.service_state(alert.service, alert.env), look)
        for group in others.values():
            settled += self._record(tuple(item for item, _ in group), group[0][1])
        for why, those in failed.values():
            self._fail(those, why)
        return settled

    def _record(self, items: tuple[InboxItem, ...], decision: Decision) -> int:
        """Store it; how many alerts that settles. A record that nobody can store fails alone."""
        try:
            settled = Settled(items=items, decision=decision)
            record = self._store.record(settled, lambda number: notices.of_decision(decision, number))
        except PATIENT:
            raise
        except Exception as error:
            self._fail(items, error)
            return 0
        for item in items:
            self._failed.pop(item.id, None)
        if record:
            _log(record, decision)
        return len(items)


class Alike:
    """Decides once for all alerts of a service that differ in nothing that a guard asks."""

    def __init__(self, state: ServiceState, look: Look) -> None:
        self._state, self._look = state, look
        self._unseen: dict[Hashable, Facts] = {}
        self._decisions: dict[Hashable, Decision] = {}

    def decide(self, item: InboxItem) -> Decision:
        """The decision about the alert; the facts of one that is alike stand for it."""
        alert = item.alert
        key: Hashable = (
            alert.name,
            alert.trigger,
            alert.labels.get("rollback"),
            alert.status,
            alert.starts_at,
            item.resolved_at,
        )
        if key in self._decisions:
            return self._decisions[key]
        if key not in self._unseen:
            facts = self._look.known(alert, item.source, self._state, item.resolved_at)
            if settled_unseen(facts):
                return self._decisions.setdefault(key, decide(facts))
            self._unseen[key] = facts
        began = self._unseen[key].deployment_began
        seen = (key, self._look.watched(alert, began))
        if seen not in self._decisions:
            facts = replace(self._unseen[key], alert=alert, source=item.source)
            self._decisions[seen] = decide(self._look.seen(facts))
        return self._decisions[seen]


def _by_service(items: Iterable[InboxItem]) -> list[list[InboxItem]]:
    groups: dict[tuple[str, str], list[InboxItem]] = defaultdict(list)
    for item in items:
        groups[item.alert.service, item.alert.env].append(item)
    return list(groups.values())


def _log(record: DecisionRecord, decision: Decision) -> None:
    alert = decision.facts.alert
    LOG.info(
        "decided",
        decision=record.id,
        verdict=decision.verdict,
        reason=decision.reason,
        trigger=alert.trigger,
        alertname=alert.name,
        service=alert.service,
        alerts=record.alerts,
        rollback=record.rollback_id,
    )
