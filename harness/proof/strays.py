"""What fired that no fault explains, and what was told that should not have been. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.proof.overheard import Firing, overheard
from harness.proof.witnessed import PROMETHEUS_S, Life, Played, Witnessed
from monitoring.routing import Labels

AND = " and "


@dataclass(frozen=True, kw_only=True)
class Stray:
    """An alert that no fault explains but fired, or that was told as it should not have been."""

    alert: str
    labels: Labels
    at: float
    told: str = ""
    """Where it was told, and why it should not have been; nothing where it is about its firing."""
    reason: str = ""
    """Why it is known, in words of expected.yml; nothing makes the run fail."""
    batch: str = ""
    """In which it fired; the names of those that were played together have AND between them."""

    @property
    def batches(self) -> set[str]:
        """The names of the batches that were played when it fired."""
        return {*self.batch.split(AND)}


def strays(seen: Witnessed, expected: Mapping[str, str]) -> list[Stray]:
    """Every alert that began to fire and is neither proven nor declared by a fault that was there then.

    Of the first wave also what fired already; of the others that was judged in the wave before.
    """
    played = [*seen.played, *seen.before.played]
    return [
        Stray(alert=life.name, labels=life.labels, at=life.firing, reason=_known(life, seen, expected))
        for life in seen.lives
        if life.firing is not None
        and (seen.before.first or life.firing > seen.since + PROMETHEUS_S / 2)
        and not any(_explains(one, life, life.firing, seen) for one in played)
    ]


def mistold(seen: Witnessed) -> list[Stray]:
    """What was told, and should not have been, of alerts that the wave does not prove."""
    now = [life for life in seen.lives if life.firing is not None]
    before = [life for life in seen.before.lives if life.firing is not None]
    others = [
        Firing(life.labels, (life.ended or seen.ended) - life.firing)
        for life in now
        if life.firing is not None and not any(_is_proven(one, life) for one in seen.played)
    ]
    known = [life.labels for life in (*before, *now)]
    return [
        Stray(alert=one.alert, labels={}, at=one.at, told=f"{one.place}: {one.why}")
        for one in overheard(seen.config, seen.records, others, known)
    ]


def _is_proven(played: Played, life: Life) -> bool:
    return life.name in played.fault.proves and played.fault.is_about(life.labels)


def _explains(played: Played, life: Life, firing: float, seen: Witnessed) -> bool:
    """Whether a fault proves or declares an alert, and was there, or not long gone, when that fired."""
    if not played.fault.explains(life.labels):
        return False
    gone = seen.ended if played.undone is None else played.undone + seen.lingers.get(life.name, 0.0)
    return played.began - PROMETHEUS_S <= firing <= gone


def _known(life: Life, seen: Witnessed, expected: Mapping[str, str]) -> str:
    """Why an alert that no fault explains may fire; nothing where nobody knows."""
    if life.name in expected:
        return expected[life.name]
    there = life.pending is not None and life.pending <= seen.since + PROMETHEUS_S
    return "it was there before the faults" if there and seen.before.first else ""
