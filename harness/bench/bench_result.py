"""The end of a bench as text and as JSON for machines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.bench.bench_rungs import Proof, Stray
from harness.proof.marks import Mark


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that was found in one run."""

    alerts: Sequence[str]
    """All that the rules have."""
    proofs: Sequence[Proof]
    strays: Sequence[Stray]
    problems: Sequence[str] = ()
    """What went wrong beside the alerts."""
    complaints: Sequence[str] = ()
    """What Alertmanager could not send, in its own words."""
    void: str = ""
    """Why nothing of it counts; empty where it does."""

    @property
    def proven(self) -> list[str]:
        """The alerts that were seen to hold, and fell under none of their faults."""
        fallen = {proof.alert for proof in self.proofs if not proof.holds}
        return sorted({proof.alert for proof in self.proofs if proof.proven} - fallen)

    @property
    def unknown(self) -> list[str]:
        """The alerts of which something could not be told at this hour, and that did not fall."""
        fallen = {proof.alert for proof in self.proofs if not proof.holds}
        return sorted({proof.alert for proof in self.proofs} - fallen - set(self.proven))

    @property
    def unplayed(self) -> list[str]:
        """The alerts that no fault was to prove."""
        return sorted(set(self.alerts) - {proof.alert for proof in self.proofs})

    @property
    def unexplained(self) -> list[Stray]:
        """What fired and nobody knows why."""
        return [stray for stray in self.strays if not stray.reason]

    @property
    def holds(self) -> bool:
        """Whether all that was played is proven, and nothing fired without a reason."""
        return bool(self.proofs) and not (self.failed or self.unknown or self.void)

    @property
    def failed(self) -> bool:
        """Whether something was seen that is wrong, which no quieter hour mends."""
        return not all(proof.holds for proof in self.proofs) or bool(self.unexplained or self.problems)

    @property
    def sentence(self) -> str:
        """The verdict as a person reads it."""
        if self.void:
            return (
                f"VOID: {self.void}. Nothing is proven nor refuted: make the machine quiet and run it again"
            )
        said = f"{len(self.proven)} of {len(self.alerts)} alerts are proven"
        if self.unknown:
            said += f"; not to be told at this hour: {', '.join(self.unknown)}"
        if self.unplayed:
            said += f"; no fault proves {', '.join(self.unplayed)}"
        if self.unexplained:
            names = sorted({stray.alert for stray in self.unexplained})
            said += f". Fired without a fault that explains it: {', '.join(names)}"
        return said


def lines(run: Run) -> Iterator[str]:
    """The rungs of every alert, those that fail first; then what else was seen."""
    for proof in sorted(run.proofs, key=lambda one: one.holds):
        state = "proven" if proof.proven else "not now" if proof.holds else "NOT proven"
        yield f"{state}: {proof.alert} under {proof.fault}"
        if proof.problem:
            yield f"    {proof.problem}"
        for step in proof.steps:
            mark = step.mark.upper() if step.mark is Mark.NO else step.mark
            yield f"    {step.rung:<10} {mark:<8} {step.why}".rstrip()
    for stray in run.strays:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(stray.labels.items()))
        yield f"{stray.reason or 'UNEXPLAINED'}: {stray.alert} fired under {stray.scene} ({labels})"
    yield from run.problems
    if not run.holds:
        yield from run.complaints


def save(run: Run, out: Path) -> Path:
    """Write bench.json into a folder, and return its path."""
    path = out / "bench.json"
    path.write_text(json.dumps(as_json(run), indent=2, default=str) + "\n", encoding="utf-8")
    return path


def as_json(run: Run) -> dict[str, Any]:
    """The run as a machine reads it."""
    return {
        "holds": run.holds,
        "sentence": run.sentence,
        "void": run.void,
        "problems": list(run.problems),
        "complaints": list(run.complaints),
        "alerts": list(run.alerts),
        "proven": run.proven,
        "unknown": run.unknown,
        "unplayed": run.unplayed,
        "proofs": [{**asdict(proof), "holds": proof.holds, "proven": proof.proven} for proof in run.proofs],
        "strays": [{**asdict(stray), "labels": dict(stray.labels)} for stray in run.strays],
    }
