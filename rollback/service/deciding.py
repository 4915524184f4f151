"""From waiting alerts to recorded decisions."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace

import structlog

from rollback.domain import notices
from rollback.domain.alert import Alert, Source
from rollback.domain.decision import Decision, decide
from rollback.domain.errors import ConcurrentChange
from rollback.domain.facts import Facts, Watched
from rollback.domain.ports import Clock, Monitoring, Probes, Store
from rollback.domain.reasons import Reason, Verdict
from rollback.domain.records import DecisionRecord, InboxItem, ServiceState, Settled
from rollback.service.context import PolicySource
from rollback.service.looking import Look, settled_unseen

LOG = structlog.get_logger("rollback.decide")
AT_ONCE = 1_000
TRIES = 3
STARTING = (Verdict.ROLL_BACK, Verdict.PROPOSE)
"""Verdicts that change what the next alert of the service meets."""


class Decider:
    """Decides what waits in the inbox, oldest first, service by service."""

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes = monitoring, probes

    def work(self) -> int:
        """Decide what waits now; return how many alerts were settled. One that cannot be stays waiting.

        What goes wrong with one service is raised only when the others have had their turn.
        """
        settled, look, trouble = 0, self.look(), None
        for items in _by_service(self._store.waiting(AT_ONCE)):
            try:
                settled += self._settle(items, look)
            except ConcurrentChange as change:
                LOG.warning("not_decided", service=items[0].alert.service, why=str(change))
            except Exception as error:
                trouble = trouble or error
        if trouble:
            raise trouble
        return settled

    def look(self) -> Look:
        """A new look at the world."""
        return Look(self._clock.now(), self._policy(), self._monitoring, self._probes)

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
        for item in items:
            for attempt in range(1, TRIES + 1):
                decision = alike.decide(item)
                if decision.verdict not in STARTING:
                    others[decision.reason, item.alert.name].append((item, decision))
                    break
                try:
                    self._record(Settled(items=(item,), decision=decision))
                    settled += 1
                    break
                except ConcurrentChange as change:
                    LOG.info("decided_again", alert=item.id, attempt=attempt, why=str(change))
                finally:
                    alike = Alike(self._store.service_state(alert.service, alert.env), look)
        for group in others.values():
            together = tuple(item for item, _ in group)
            self._record(Settled(items=together, decision=group[0][1]))
            settled += len(together)
        return settled

    def _record(self, settled: Settled) -> None:
        decision = settled.decision
        record = self._store.record(settled, lambda number: notices.of_decision(decision, number))
        if record:
            _log(record, decision)


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
