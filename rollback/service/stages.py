"""How long each stage of a rollback took, counted from the alert's start."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rollback.domain.progress import GATE, HOST
from rollback.domain.rollback import Rollback
from rollback.domain.stored import DecisionRecord, Step


def stages(
    rollback: Rollback, decision: DecisionRecord, received: datetime | None, steps: Iterable[Step]
) -> dict[str, Any]:
    """Seconds since the alert began to fire; None for what did not happen or is not known."""
    began, known = decision.alert.starts_at, list(steps)

    def since(at: datetime | None) -> float | None:
        return None if at is None else round((at - began).total_seconds(), 3)

    verified = rollback.verification.at if rollback.verification else None
    return {
        "received": since(received),
        "decided": since(decision.at),
        "started": since(rollback.started_at),
        "gate": since(next((step.at for step in known if step.step == GATE), None)),
        "hosts": {s.host: since(s.at) for s in known if s.step == HOST and s.status == "done"},
        "restored": since(rollback.restored_at),
        "verified": since(verified),
        "finished": since(rollback.finished_at),
    }


def step_view(step: Step) -> dict[str, Any]:
    """One thing that was done on one host."""
    return {
        "at": step.at.isoformat(),
        "host": step.host,
        "step": step.step,
        "status": step.status,
        "detail": step.detail,
    }
