"""What is different from the run before."""

from collections.abc import Mapping
from pathlib import Path

from devtools.errors import UserError
from harness.proof import outcome
from harness.proof.marks import Mark, Rung
from harness.proof.outcome import Run, Unplayed
from harness.proof.rungs import Proof

Marks = Mapping[str, Mapping[Rung, Mark]]


def before(out: Path, runs: Path) -> Run | None:
    """The newest other run beside this one that can be read; None where there is none."""
    others = [path.parent for path in runs.glob(f"*/{outcome.STATE}") if path.parent != out]
    for folder in sorted(others, key=lambda each: (each / outcome.STATE).stat().st_mtime, reverse=True):
        try:
            return outcome.load(folder)
        except UserError:  # of another version
            continue
    return None


def differences(then: Run, now: Run) -> list[str]:
    """A sentence for each rung that stands otherwise, of the alerts that both runs are about."""
    past, present = _marks(then), _marks(now)
    return [
        f"{alert}: {rung} was {past[alert][rung]} and is {mark}"
        for alert, rungs in present.items()
        for rung, mark in rungs.items()
        if alert in past and rung in past[alert] and past[alert][rung] is not mark
    ]


def _marks(run: Run) -> Marks:
    rows: list[Unplayed | Proof] = [*run.unplayed, *run.proofs]
    return {row.alert: {step.rung: step.mark for step in row.steps} for row in rows}
