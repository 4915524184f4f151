"""Whether the daemon took a bad release back because of an alert, and to the right one. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.proof.decided import AUTO, Decision, begun
from harness.proof.marks import Mark, Rung, Step
from harness.stack.released import Released

Rollback = Mapping[str, Any]


def judged(
    alert: str,
    rollback: str,
    released: Released | None,
    decisions: Sequence[Decision],
    rollbacks: Sequence[Rollback],
    *,
    since: float,
    fired: float | None,
    within: float,
) -> Step:
    """The one rollback that this alert began since then must be what was wanted, *within* so many seconds."""
    if rollback != AUTO:
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.NONE, why="no bad release, or it may not roll back")
    if released is None:
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.OPEN, why="nobody knows what hosts run since then")
    ours = [one for one in rollbacks if one["id"] in begun([alert], decisions, since)]
    if len(ours) != 1 or fired is None:
        why = f"expected one rollback that this alert began, found {len(ours)}"
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.NO, why=why)
    [one] = ours
    verdict = (one["verification"] or {}).get("verdict")
    found = (one["from_version"], one["to_version"], one["phase"], verdict)
    took = _at(one["finished_at"]) - fired if one["finished_at"] else None
    said = f"from {found[0]} to {found[1]}, {found[2]}, measured {found[3]}"
    strange = {host: version for host, version in released.hosts.items() if version != released.good}
    if found != (released.version, released.good, "succeeded", "fixed"):
        wanted = f"from {released.version} to {released.good}, succeeded, measured fixed"
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.NO, why=f"expected {wanted}, found {said}")
    if strange:
        why = f"expected every host to run {released.good}, found {strange}"
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.NO, why=why)
    if took is None or took > within:
        why = f"expected it within {within:.0f} s of the alert, found {took}"
        return Step(rung=Rung.ROLLED_BACK, mark=Mark.NO, why=why)
    return Step(
        rung=Rung.ROLLED_BACK,
        mark=Mark.YES,
        why=f"{said}, {took:.1f} s after the alert, allowed {within:.0f} s",
    )


def _at(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
