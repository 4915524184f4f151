"""Real faults, judged message by message; `make proof` plays all of them."""

import pytest

from harness.faults.fault import Fault, faults
from harness.incident.patience import time_scale
from harness.proof import hour
from harness.proof.batch import Batch
from harness.proof.preparing import Bench
from harness.proof.rungs import Proof
from harness.proof.witness import Witness
from harness.stack import Stack

pytestmark = pytest.mark.lab
SOME = ("exporter-stopped", "unit-failed", "memory-short")


def played(stack: Stack, *chosen: Fault) -> tuple[list[Proof], list[str], str]:
    """The proofs, the names of what fired without a reason, and why the witness is not believed."""
    bench = Bench(time_scale())
    with hour.chosen():
        bench.calm(chosen)
        judged = bench.judged(Batch(chosen, stack.rules, stack.scale, print, Witness()).play())
    return judged.proofs, [stray.alert for stray in judged.strays if not stray.reason], judged.asleep


def test_faults_are_told_to_exactly_their_receivers_and_nothing_else_fires(stack: Stack) -> None:
    proofs, unexplained, asleep = played(stack, *(faults()[name] for name in SOME))

    assert asleep == ""
    assert [proof.alert for proof in proofs if not proof.holds] == [], [proof.steps for proof in proofs]
    assert len(proofs) == len(SOME)
    assert unexplained == []
