"""What the rollback daemon decided about an alert under a fault. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.proof.marks import Mark, Rung, Step

Decision = Mapping[str, Any]
ROLLS_BACK = "roll_back"
AUTO = "auto"
ASKED = (AUTO, "propose")
"""Values of the label `rollback` with which the daemon decides."""


def judged(
    alert: str, rollback: str, services: Collection[str], decisions: Sequence[Decision], since: float
) -> Step:
    """Where no release is to blame, the daemon must have decided, and rolled nothing back."""
    if rollback not in ASKED:
        return Step(rung=Rung.DECIDED, mark=Mark.NONE, why="it is no trigger")
    here = [one for one in decisions if one["service"] in services and _at(one) >= since]
    own = [one for one in here if one["alert"]["alertname"] == alert]
    if not (found := own or here):
        return Step(rung=Rung.DECIDED, mark=Mark.NO, why="expected a decision of the daemon, found none")
    if moved := [one for one in here if one["verdict"] == ROLLS_BACK]:
        why = f"it rolled {moved[0]['from_version']} back, which is not to blame: {moved[0]['sentence']}"
        return Step(rung=Rung.DECIDED, mark=Mark.NO, why=why)
    said = f"{found[0]['verdict']}: {found[0]['sentence']}"
    return Step(rung=Rung.DECIDED, mark=Mark.YES, why=said if own else f"with another alert; {said}")


def begun(alerts: Collection[str], decisions: Sequence[Decision], since: float) -> set[Any]:
    """The numbers of the rollbacks that one of these alerts began since then."""
    return {
        one["rollback_id"]
        for one in decisions
        if one["alert"]["alertname"] in alerts and one["verdict"] == ROLLS_BACK and _at(one) >= since
    }


def _at(decision: Decision) -> float:
    return datetime.fromisoformat(decision["at"]).timestamp()
