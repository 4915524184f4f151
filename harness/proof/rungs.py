"""What became of an alert under a fault, rung by rung; and what fired that no fault explains. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from harness.faults.fault import Fault
from harness.incident.receipts import (
    ALERTMANAGER,
    FIRES,
    NOTHING,
    OVER,
    Receipt,
    compare,
    names,
    says,
    sender,
    strangers,
)
from harness.notify.why import reached
from harness.proof import decided, rolled_back, runbook
from harness.proof.decided import Decision
from harness.proof.exhibits import Exhibits
from harness.proof.marks import FINE, PAPER, Mark, Rung, Step
from harness.proof.rolled_back import Rollback
from harness.proof.runbook import Asked
from harness.stack.released import Released
from monitoring.catalog import Alert
from monitoring.routing import Labels, deliveries

Config = Mapping[str, Any]
PROMETHEUS_S = 1.0
"""How coarse the moments are."""
AND = " and "
FOR_NOBODY = ("info", "none")
"""Severities that need not reach a person."""
Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Life:
    """A time in which a series of an alert was active, as Prometheus has it, in seconds since the epoch."""

    labels: Labels
    pending: float | None
    firing: float | None
    ended: float | None
    """None while it fires."""

    @property
    def name(self) -> str:
        """The name of its alert."""
        return self.labels["alertname"]


@dataclass(frozen=True, kw_only=True)
class Played:
    """A fault, when it was there, and what went wrong with it."""

    fault: Fault
    began: float
    injected: float
    """When it was there; some take seconds to bring about."""
    undone: float | None = None
    problem: str = ""
    asked: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    """The commands of each alert's page, and what they said."""
    released: Released | None = None
    """What it deployed and what became of that, once it is undone."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is known of one alert after its fault was played."""

    alert: str
    severity: str
    played: Played
    steps: tuple[Step, ...]
    lives: tuple[Life, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    bound_s: float = 0.0
    told: float | None = None
    told_over: float | None = None
    seen: Exhibits = field(default_factory=Exhibits)

    @property
    def holds(self) -> bool:
        """Whether no rung is missing; one that cannot be told at this hour is not."""
        return all(step.mark in FINE for step in self.steps)

    def on_paper(self, steps: tuple[Step, ...]) -> "Proof":
        """This proof with what lint and unit tests say now."""
        return replace(self, steps=(*steps, *(step for step in self.steps if step.rung not in PAPER)))

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The commands of its page."""
        return self.played.asked.get(self.alert, ())


@dataclass(frozen=True, kw_only=True)
class Stray:
    """An alert that fired although no fault that was there explains it."""

    alert: str
    labels: Labels
    at: float
    reason: str = ""
    """Why it is known, in words of expected.yml; nothing makes the run fail."""
    batch: str = ""
    """In which it fired; the names of those that were played together have AND between them."""

    @property
    def batches(self) -> set[str]:
        """The names of the batches that were played when it fired."""
        return {*self.batch.split(AND)}


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """Everything that a judge is given about one batch."""

    began: float
    ended: float
    config: Config
    lives: Sequence[Life]
    records: Records
    played: Sequence[Played]
    bounds: Mapping[str, float] = field(default_factory=dict)
    """The most seconds from the fault to the alert, by name."""
    lingers: Mapping[str, float] = field(default_factory=dict)
    """The most seconds for which an alert may still begin because of a fault that is undone, by name."""
    decisions: Sequence[Decision] = ()
    """What the daemon decided, also before."""
    rollbacks: Sequence[Rollback] = ()
    """What it rolled back, also before."""
    rolled_back_s: float = 0.0
    """The most seconds from an alert to the end of its rollback."""
    exhibits: Mapping[str, Exhibits] = field(default_factory=dict)
    """What is shown of each alert."""


def judge(seen: Witnessed, rules: Mapping[str, Alert]) -> list[Proof]:
    """The proof of every alert that the faults of a batch must cause, in the order of the faults."""
    return [_proof(seen, played, rules[alert]) for played in seen.played for alert in played.fault.proves]


def strays(seen: Witnessed, expected: Mapping[str, str]) -> list[Stray]:
    """Every alert that fired and is neither proven nor declared by a fault that was there then."""
    before = [
        life.labels
        for life in seen.lives
        if life.pending is not None and life.pending <= seen.began + PROMETHEUS_S
    ]
    return [
        Stray(alert=life.name, labels=life.labels, at=life.firing, reason=_known(life, before, expected))
        for life in seen.lives
        if life.firing is not None and not any(_explains(one, life, life.firing, seen) for one in seen.played)
    ]


def _explains(played: Played, life: Life, firing: float, seen: Witnessed) -> bool:
    """Whether a fault proves or declares an alert, and was there, or not long gone, when that fired."""
    if not played.fault.explains(life.labels):
        return False
    gone = seen.ended if played.undone is None else played.undone + seen.lingers.get(life.name, 0.0)
    return played.began - PROMETHEUS_S <= firing <= gone


def _known(life: Life, before: Sequence[Labels], expected: Mapping[str, str]) -> str:
    """Why an alert that no fault explains may fire; nothing where nobody knows."""
    if life.name in expected:
        return expected[life.name]
    return "it was there before the faults" if life.labels in before else ""


def _proof(seen: Witnessed, played: Played, rule: Alert) -> Proof:
    alert, severity = rule.name, rule.severity
    lives = tuple(life for life in seen.lives if life.name == alert and played.fault.is_about(life.labels))
    fired = [life for life in lives if life.firing is not None]
    # A group of Alertmanager names what ended in it before again: what came before the fault is not about it.
    since = told_of(played.fault, [record for record in seen.records if _at(record) >= played.began])
    receipts = _receipts(seen, since, alert)
    steps = [_fired(played, fired, seen.bounds[alert])]
    if steps[0].mark is Mark.YES and not receipts and severity not in FOR_NOBODY:
        why = f"expected a receiver of what is {severity}, found none in the routes"
        steps += [Step(rung=rung, mark=Mark.NO, why=why) for rung in (Rung.DELIVERED, Rung.RESOLVED)]
    elif steps[0].mark is Mark.YES:
        _, muted = audience(seen.config, [life.labels for life in fired], seen.began)
        steps += [
            _told(receipts, len(fired), muted, resolved=False),
            _resolved(played, fired, receipts, muted),
        ]
    else:
        steps += [Step(rung=rung, mark=Mark.OPEN) for rung in (Rung.DELIVERED, Rung.RESOLVED)]
    steps += _acted(seen, played, rule, fired)
    steps.append(runbook.judged(played.asked.get(alert, ())))
    return Proof(
        alert=alert,
        severity=severity,
        played=played,
        steps=tuple(steps),
        lives=lives,
        receipts=tuple(receipts),
        bound_s=seen.bounds[alert],
        told=min(_told_at(since, alert, FIRES), default=None),
        told_over=max(_told_at(since, alert, OVER), default=None),
        seen=seen.exhibits.get(alert, Exhibits()),
    )


def _acted(seen: Witnessed, played: Played, rule: Alert, fired: Sequence[Life]) -> Iterator[Step]:
    """What the daemon did about it."""
    rollback = rule.labels.get("rollback", "")
    services = {life.labels.get("service", "") for life in fired}
    if played.fault.deploys:
        yield Step(rung=Rung.DECIDED, mark=Mark.NONE, why="a release is to blame")
    else:
        yield decided.judged(rule.name, rollback, services, seen.decisions, played.began)
    yield rolled_back.judged(
        rule.name,
        rollback if played.fault.deploys else "",
        played.released,
        seen.decisions,
        seen.rollbacks,
        since=played.began,
        fired=min((life.firing for life in fired if life.firing is not None), default=None),
        within=seen.rolled_back_s,
    )


def _fired(played: Played, fired: Sequence[Life], bound: float) -> Step:
    if played.problem:
        return Step(rung=Rung.FIRED, mark=Mark.OPEN, why=played.problem)
    if not fired:
        return Step(rung=Rung.FIRED, mark=Mark.NO, why=f"expected it within {bound:.0f} s, it never fired")
    first = min(life.firing for life in fired if life.firing is not None)
    if first < played.began:
        why = f"it fired {played.began - first:.0f} s before the fault began"
        return Step(rung=Rung.FIRED, mark=Mark.NO, why=why)
    why = f"after {first - played.injected:.1f} s, its rule allows {bound:.0f} s"
    return Step(rung=Rung.FIRED, mark=Mark.YES if first - played.injected <= bound else Mark.NO, why=why)


def _at(record: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(record["at"]).timestamp()


def _receipts(seen: Witnessed, records: Records, alert: str) -> list[Receipt]:
    """What each receiver got about the alert, whichever of its subjects it was about."""
    fired = [life.labels for life in seen.lives if life.firing is not None]
    told = [one for one in records if sender(one) == ALERTMANAGER]
    rows = [row for row in compare(seen.config, told, fired, main=alert) if row.subject == alert]
    rows += strangers(seen.config, told, fired, alert)
    return list({(row.destination, row.expected): row for row in rows}.values())


def told_of(fault: Fault, records: Records) -> Records:
    """What was told of the service that a fault's alerts are about; all where they may be about any."""
    return [record for record in records if not fault.service or names(record, fault.service)]


def _told_at(records: Records, alert: str, said: str) -> list[float]:
    """When Alertmanager said that of the alert."""
    return [_at(one) for one in records if sender(one) == ALERTMANAGER and says(one, alert) == said]


def audience(config: Config, alerts: Iterable[Labels], at: float) -> tuple[set[str], set[str]]:
    """The places where people are told of these alerts at that hour, and those that are muted then."""
    moment = datetime.fromtimestamp(at, UTC)
    told, muted = set[str](), set[str]()
    for labels in alerts:
        people = {str(one.destination) for one in deliveries(config, labels)}
        for way in reached(config, labels, moment):
            (muted if way.muted_by else told).update(people & {*way.places})
    return told, muted - told


def _told(receipts: Iterable[Receipt], most: int, muted: set[str], *, resolved: bool) -> Step:
    """Whether each receiver heard once of each subject; one message may be about several."""
    rung = Rung.RESOLVED if resolved else Rung.DELIVERED
    wrong: list[str] = []
    right: list[str] = []
    silent: list[str] = []
    for row in receipts:
        place, count = str(row.destination), row.resolved if resolved else row.firing
        if place in muted:
            (wrong if count else silent).append(f"{place} although it is muted" if count else place)
        elif row.expected == NOTHING:
            wrong.append(f"{place}, which is not among its receivers")
        elif not 1 <= count <= most:
            wrong.append(f"{place} {count} times")
        else:
            right.append(place)
    if wrong:
        why = f"expected {'a message' if most == 1 else f'1 to {most} messages'} at each receiver, found "
        return Step(rung=rung, mark=Mark.NO, why=why + ", ".join(wrong))
    if silent and not right:
        return Step(rung=rung, mark=Mark.NOT_NOW, why=f"muted at this hour: {', '.join(silent)}")
    quiet = f"; muted at this hour: {', '.join(silent)}" if silent else ""
    return Step(rung=rung, mark=Mark.YES, why=(", ".join(right) or "nobody is to be told") + quiet)


def _resolved(played: Played, fired: Sequence[Life], receipts: Sequence[Receipt], muted: set[str]) -> Step:
    if played.undone is None:
        return Step(rung=Rung.RESOLVED, mark=Mark.OPEN, why="the fault was not undone")
    on = [life for life in fired if life.ended is None]
    if on:
        return Step(rung=Rung.RESOLVED, mark=Mark.NO, why="it still fires")
    told = _told(receipts, len(fired), muted, resolved=True)
    last = max(life.ended for life in fired if life.ended is not None) - played.undone
    return Step(
        rung=told.rung, mark=told.mark, why=f"{last:.1f} s after the fault was undone; told: {told.why}"
    )
