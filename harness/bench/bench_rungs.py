"""What became of each alert under its fault, and what fired that no fault explains. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from harness.bench.bench_file import Fault
from harness.bench.heard import Heard, Record, flushes, heard, lacking, repeated, series, twice, within
from harness.bench.outside import Config, Place
from harness.notify.why import reached
from harness.proof.marks import Mark, Rung, Step
from harness.proof.witnessed import Life
from monitoring.routing import Labels, inhibited


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A stretch of the run: with a fault, or quiet."""

    name: str
    began: float
    ended: float
    fault: Fault | None = None
    injecting: float = 0.0
    """When the command that brings the fault about began; it ended at `injected`."""
    injected: float = 0.0
    undoing: float = 0.0
    undone: float | None = None
    problem: str = ""
    lives: Sequence[Life] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    """The most seconds from the fault to each alert."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is known of one alert after its fault was played."""

    alert: str
    fault: str
    problem: str
    steps: tuple[Step, ...]
    receivers: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it; what cannot be told at this hour does not."""
        return not self.problem and all(step.mark in (Mark.YES, Mark.NOT_NOW) for step in self.steps)

    @property
    def proven(self) -> bool:
        """Whether every rung was seen to hold."""
        return self.holds and all(step.mark is Mark.YES for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Stray:
    """An alert that fired although nothing that was there explains it."""

    alert: str
    labels: Labels
    scene: str
    reason: str = ""
    """Why it may, in words of the plan; nothing makes the run fail."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The routes of the file, where they lead, and everything that arrived there."""

    config: Config
    places: Sequence[Place]
    records: Sequence[Record]
    told: Mapping[str, Sequence[str]]

    def audience(self, alerts: Sequence[Labels], at: float) -> tuple[list[Place], list[str]]:
        """Where these alerts must arrive at that moment, and the receivers that are muted then."""
        moment = datetime.fromtimestamp(at, UTC)
        reaches = [one for labels in alerts for one in reached(self.config, labels, moment)]
        names = {one.receiver for one in reaches if not one.muted_by}
        muted = {one.receiver for one in reaches} - names
        return [place for place in self.places if place.receiver in names], sorted(muted)


def judge(scene: Scene, seen: Seen) -> list[Proof]:
    """The proof of every alert that the fault of a scene must cause, from what arrived in it."""
    seen = replace(seen, records=within(seen.records, scene.began, scene.ended))
    return [_proof(scene, seen, alert) for alert in (scene.fault.proves if scene.fault else ())]


def strays(scene: Scene, expected: Mapping[str, str]) -> list[Stray]:
    """Every alert of a scene that fired and is neither proven nor declared by its fault."""
    explained = {*scene.fault.proves, *scene.fault.may} if scene.fault else set()
    return [
        Stray(alert=life.name, labels=life.labels, scene=scene.name, reason=expected.get(life.name, ""))
        for life in scene.lives
        if life.firing is not None and life.name not in explained
    ]


def reached_all(seen: Seen, alerts: Sequence[Labels], at: float, *, over: bool) -> bool:
    """Whether everybody who must hear of these alerts did: that they fire, or that they are over."""
    places, _ = seen.audience(alerts, at)
    told = heard(seen.records, places)
    wanted = [place for place in places if place.tells_ends or not over]
    return all(_about(told, place, alerts, over=over) for place in wanted)


def _about(told: Sequence[Heard], place: Place, alerts: Sequence[Labels], *, over: bool) -> bool:
    wanted = {series(labels) for labels in alerts}
    found = {one for said in told if said.place == place for one in (said.over if over else said.firing)}
    return wanted <= found


def _proof(scene: Scene, seen: Seen, alert: str) -> Proof:
    fired = [life for life in scene.lives if life.name == alert and life.firing is not None]
    steps = [_fired(scene, alert, fired)]
    fired = _loud(scene, seen, fired) or fired
    labels = [life.labels for life in fired]
    places, muted = seen.audience(labels, scene.injected)
    if steps[0].mark is not Mark.YES:
        steps += [Step(rung=rung, mark=Mark.OPEN) for rung in (Rung.DELIVERED, Rung.RESOLVED)]
    elif silent := _silent(scene, seen, labels, places, muted):
        steps += [Step(rung=rung, mark=Mark.NOT_NOW, why=silent) for rung in (Rung.DELIVERED, Rung.RESOLVED)]
    else:
        steps += [_delivered(scene, seen, alert, labels), _resolved(scene, seen, fired, places)]
    return Proof(
        alert=alert,
        fault=scene.name,
        problem=scene.problem,
        steps=tuple(steps),
        receivers=tuple(sorted({place.receiver for place in places})),
        seconds=_seconds(scene, seen, fired, places),
    )


def _fired(scene: Scene, alert: str, fired: Sequence[Life]) -> Step:
    bound = scene.bounds.get(alert, 0.0)
    if scene.problem and not fired:
        return Step(rung=Rung.FIRED, mark=Mark.OPEN, why=scene.problem)
    if not fired:
        return Step(rung=Rung.FIRED, mark=Mark.NO, why=f"expected it within {bound:.0f} s, it never fired")
    first = min(life.firing for life in fired if life.firing is not None)
    if first < scene.injecting:
        early = scene.injecting - first
        return Step(rung=Rung.FIRED, mark=Mark.NO, why=f"it fired {early:.1f} s before the fault")
    after = first - scene.injected
    in_time = after <= bound
    why = f"after {after:.1f} s, its rule allows {bound:.0f} s"
    return Step(rung=Rung.FIRED, mark=Mark.YES if in_time else Mark.NO, why=why)


def _loud(scene: Scene, seen: Seen, fired: Sequence[Life]) -> list[Life]:
    """Those that no other alert of the scene silences."""
    others = [life.labels for life in scene.lives if life.firing is not None]
    return [life for life in fired if not inhibited(seen.config, life.labels, others)]


def _silent(
    scene: Scene, seen: Seen, alerts: Sequence[Labels], places: Sequence[Place], muted: Sequence[str]
) -> str:
    """Why nobody needs to hear of it now; nothing where somebody must, or did."""
    about = {series(labels) for labels in alerts}
    if any(one.firing & about for one in flushes(seen.records, seen.places)):
        return ""
    if not places and muted:
        return f"muted at this hour: {', '.join(muted)}"
    others = [life.labels for life in scene.lives if life.firing is not None]
    if alerts and all(inhibited(seen.config, labels, others) for labels in alerts):
        return "another alert that fires silences it"
    return ""


def _delivered(scene: Scene, seen: Seen, alert: str, alerts: Sequence[Labels]) -> Step:
    places, muted = seen.audience(alerts, scene.injected)
    at = datetime.fromtimestamp(scene.injected, UTC)
    wanted = sorted({one.receiver for labels in alerts for one in reached(seen.config, labels, at)})
    wrong = _not_meant(seen, alert, wanted, places)
    told = heard(seen.records, seen.places)
    wrong += [f"nothing at {place}" for place in places if not _about(told, place, alerts, over=False)]
    wrong += _refused(told, places, alerts)
    about = {series(labels) for labels in alerts}
    every = flushes(seen.records, seen.places)
    hearers = {one.receiver for one in every if one.firing & about}
    wrong += [f"{name} was told, to which no route leads it" for name in sorted(hearers - set(wanted))]
    wrong += [f"{name} was told although it is muted at this hour" for name in sorted(hearers & set(muted))]
    again = {one.receiver for one in repeated(every) if one.firing & about}
    wrong += [f"{name} was told the same again" for name in sorted(again)]
    wrong += [f"{name} was told the same by two of its routes" for name in sorted(twice(every, about))]
    if wrong:
        return Step(rung=Rung.DELIVERED, mark=Mark.NO, why="; ".join(wrong))
    why = ", ".join(map(str, places))
    if muted:
        why = f"{why}; muted at this hour: {', '.join(muted)}"
    return Step(rung=Rung.DELIVERED, mark=Mark.NOT_NOW if muted else Mark.YES, why=why)


def _not_meant(seen: Seen, alert: str, wanted: Sequence[str], places: Sequence[Place]) -> list[str]:
    """What is wrong with the routes themselves."""
    if alert in seen.told:
        said = otherwise(seen.told[alert], wanted)
        return [said] if said else []
    if not places:
        said = f"the routes lead it to {', '.join(wanted)}, which tells nobody"
        return [f"{said}; if you mean that, say it in `told`"]
    return []


def otherwise(meant: Sequence[str], wanted: Sequence[str]) -> str:
    """What differs between the receivers that are meant and those of the routes, in words."""
    if set(meant) == set(wanted):
        return ""
    said, found = (", ".join(sorted(set(names))) or "nobody" for names in (meant, wanted))
    return f"meant for {said}, the routes lead it to {found}"


def _refused(told: Sequence[Heard], places: Sequence[Place], alerts: Sequence[Labels]) -> list[str]:
    about = {series(labels) for labels in alerts}
    return [
        f"{one.place} would refuse the message: {one.problem}"
        for one in told
        if one.problem and one.place in places and (one.firing | one.over) & about
    ]


def _resolved(scene: Scene, seen: Seen, fired: Sequence[Life], places: Sequence[Place]) -> Step:
    if scene.undone is None:
        return Step(rung=Rung.RESOLVED, mark=Mark.OPEN, why="the fault was not undone")
    if any(life.ended is None for life in fired):
        return Step(rung=Rung.RESOLVED, mark=Mark.NO, why="it still fires")
    last = max((life.ended for life in fired if life.ended is not None), default=0.0)
    if last < scene.undoing:
        early = f"it ended {scene.undoing - last:.1f} s before the fault was undone"
        return Step(rung=Rung.RESOLVED, mark=Mark.NO, why=early)
    told, alerts = heard(seen.records, seen.places), [life.labels for life in fired]
    wanted = [place for place in places if place.tells_ends]
    wrong = [f"nothing at {place}" for place in wanted if not _about(told, place, alerts, over=True)]
    about = {series(labels) for labels in alerts}
    wrong += sorted(
        {
            f"a message is missing at {place}"
            for place, flush in lacking(seen.records, seen.places)
            if place in wanted and flush.over & about
        }
        if not wrong
        else ()
    )
    silent = [str(place) for place in places if not place.tells_ends]
    right = f"told: {', '.join(map(str, wanted)) or 'nobody'}"
    right += f"; told of no end, as the file says: {', '.join(silent)}" if silent else ""
    mark = Mark.NO if wrong else Mark.YES
    why = f"{last - scene.undone:.1f} s after the fault was undone; {'; '.join(wrong) or right}"
    return Step(rung=Rung.RESOLVED, mark=mark, why=why)


def _seconds(scene: Scene, seen: Seen, fired: Sequence[Life], places: Sequence[Place]) -> dict[str, float]:
    """The stages in seconds after the fault."""
    told, about = heard(seen.records, places), {series(life.labels) for life in fired}
    moments = {
        "pending": min((life.pending for life in fired if life.pending), default=None),
        "firing": min((life.firing for life in fired if life.firing), default=None),
        "told": min((one.at for one in told if one.firing & about), default=None),
        "undone": scene.undone,
        "over": max((life.ended for life in fired if life.ended), default=None),
        "told that it is over": max((one.at for one in told if one.over & about), default=None),
    }
    return {name: round(at - scene.injected, 1) for name, at in moments.items() if at is not None}
