"""What became of an alert under a fault, rung by rung. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from harness.incident.receipts import (
    FIRES,
    NOTHING,
    OVER,
    Receipt,
    of_one,
)
from harness.notify.why import reached
from harness.proof import decided, promptness, rolled_back, runbook
from harness.proof.exhibits import Exhibits
from harness.proof.marks import FINE, PAPER, Mark, Rung, Step
from harness.proof.promptness import Heard
from harness.proof.runbook import Asked
from harness.proof.witnessed import (
    Config,
    Life,
    Played,
    Records,
    Witnessed,
    since_then,
    told_of,
)
from monitoring.catalog import Alert
from monitoring.routing import Labels, deliveries

FOR_NOBODY = ("info", "none")
"""Severities that need not reach a person."""


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
    sent: float | None = None
    """When Alertmanager was seen to know it."""
    told: float | None = None
    """When its first receiver heard that it fires, and when the last one heard that it is over."""
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


def judge(seen: Witnessed, rules: Mapping[str, Alert]) -> list[Proof]:
    """The proof of every alert that the faults of a batch must cause, in the order of the faults."""
    return [_proof(seen, played, rules[alert]) for played in seen.played for alert in played.fault.proves]


def _proof(seen: Witnessed, played: Played, rule: Alert) -> Proof:
    alert, severity = rule.name, rule.severity
    lives = tuple(
        life
        for life in seen.lives
        if life.name == alert
        and played.fault.is_about(life.labels)
        and (life.ended is None or life.ended >= seen.began)
    )
    fired = [life for life in lives if life.firing is not None]
    # A group of Alertmanager names what ended in it before again: what came before the fault is not about it.
    since = told_of(played.fault, since_then(seen.records, played.began))
    receipts = _receipts(seen, since, alert)
    labels = [life.labels for life in fired]
    begins = [life.firing for life in fired if life.firing is not None]
    ends = [max((life.ended for life in fired if life.ended is not None), default=0.0)]
    told = promptness.heard(seen.config, since, alert, FIRES, begins, labels)
    told_over = promptness.heard(seen.config, since, alert, OVER, ends, labels)
    steps = [_fired(played, fired, seen.bounds[alert])]
    if steps[0].mark is Mark.YES and not receipts and severity not in FOR_NOBODY:
        why = f"expected a receiver of what is {severity}, found none in the routes"
        steps += [Step(rung=rung, mark=Mark.NO, why=why) for rung in (Rung.DELIVERED, Rung.RESOLVED)]
    elif steps[0].mark is Mark.YES:
        _, muted = audience(seen.config, labels, seen.began)
        wrong = [*_late(told), *promptness.broken(since, alert)]
        delivered = _told(receipts, len(fired), muted, wrong=wrong, resolved=False)
        resolved = _resolved(played, fired, receipts, muted, _late(told_over))
        steps += [_timed(delivered, told), _timed(resolved, told_over)]
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
        sent=seen.sent.get(alert),
        told=min((one.at for one in told), default=None),
        told_over=max((one.at for one in told_over), default=None),
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


def _receipts(seen: Witnessed, records: Records, alert: str) -> list[Receipt]:
    """What each receiver got about the alert, whichever of its subjects it was about."""
    fired = [life.labels for life in seen.lives if life.firing is not None]
    rows = of_one(seen.config, records, fired, alert)
    return list({(row.destination, row.expected): row for row in rows}.values())


def _late(told: Sequence[Heard]) -> list[str]:
    """The places that heard later than their routes allow."""
    return [
        f"{one.place} after {one.took_s:.0f} s, where at most {one.allowed_s:.0f} are right"
        for one in told
        if one.late
    ]


def _timed(step: Step, told: Sequence[Heard]) -> Step:
    """The step, and how long the last one to hear waited."""
    if step.mark is not Mark.YES or not told:
        return step
    last = max(told, key=lambda one: one.took_s)
    said = f"; the last after {last.took_s:.1f} s, its routes allow {last.allowed_s:.0f} s"
    return replace(step, why=step.why + said)


def audience(config: Config, alerts: Iterable[Labels], at: float) -> tuple[set[str], set[str]]:
    """The places where people are told of these alerts at that hour, and those that are muted then."""
    moment = datetime.fromtimestamp(at, UTC)
    told, muted = set[str](), set[str]()
    for labels in alerts:
        people = {str(one.destination) for one in deliveries(config, labels)}
        for way in reached(config, labels, moment):
            (muted if way.muted_by else told).update(people & {*way.places})
    return told, muted - told


def _told(
    receipts: Iterable[Receipt], most: int, muted: set[str], *, wrong: list[str], resolved: bool
) -> Step:
    """Whether each receiver heard once of each subject; one message may be about several."""
    rung = Rung.RESOLVED if resolved else Rung.DELIVERED
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


def _resolved(
    played: Played, fired: Sequence[Life], receipts: Sequence[Receipt], muted: set[str], late: list[str]
) -> Step:
    if played.undone is None:
        return Step(rung=Rung.RESOLVED, mark=Mark.OPEN, why="the fault was not undone")
    on = [life for life in fired if life.ended is None]
    if on:
        return Step(rung=Rung.RESOLVED, mark=Mark.NO, why="it still fires")
    told = _told(receipts, len(fired), muted, wrong=late, resolved=True)
    last = max(life.ended for life in fired if life.ended is not None) - played.undone
    return Step(
        rung=told.rung, mark=told.mark, why=f"{last:.1f} s after the fault was undone; told: {told.why}"
    )
