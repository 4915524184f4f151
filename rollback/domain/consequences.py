"""What the end of a rollback means for releases and for automation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollback.domain.control import Cause
from rollback.domain.deployment import Standing
from rollback.domain.rollback import Kind, Phase, Rollback, VerificationVerdict

SO_MANY = 2
"""So many rollbacks within the breaker's window are too many."""


@dataclass(frozen=True, kw_only=True)
class Consequences:
    """Standings by version, and the breaker that opens; stored in the transaction that ends the rollback."""

    standings: tuple[tuple[str, Standing], ...] = ()
    cause: Cause | None = None
    why: str = ""

    @property
    def by(self) -> str:
        """Who gives the standings, in words."""
        return "measuring after a rollback"


NOTHING = Consequences()


def consequences(
    after: Rollback, others: Sequence[Rollback], window: timedelta, *, left_well: bool = False
) -> Consequences:
    """What follows from a rollback that has just ended; *others* are earlier ones of the service.

    left_well: nothing was wrong with the version that was left: it was good, no alert was about it, and a
    person went elsewhere for reasons of their own. That the service is well afterwards is then no cure.
    Leaving a version is only proof against it when the service was well afterwards. When it was not, the
    version that runs now was there while the fault was measured: it is no place to go back to.
    """
    if after.kind is Kind.REPAIR or after.finished_at is None:
        return NOTHING
    verdict = after.verification.verdict if after.verification else None
    standings: tuple[tuple[str, Standing], ...] = ()
    if after.phase is Phase.SUCCEEDED and not left_well:
        standings = ((after.from_version, Standing.REJECTED),)
    if verdict in (VerificationVerdict.NOT_FIXED, VerificationVerdict.WORSE):
        why = f"rollback {after.id} to {after.to_version} was measured {verdict}"
        standings = ((after.to_version, Standing.SUSPECT),)
        return Consequences(standings=standings, cause=Cause.FRUITLESS, why=why)
    since = after.finished_at - window
    recent = [r for r in (*others, after) if r.changed and _automatic(r) and _ended(r, since) > since]
    if after.changed and len({r.id for r in recent}) >= SO_MANY:
        names = ", ".join(str(r.id) for r in sorted(recent, key=lambda r: r.id))
        why = f"rollbacks {names} happened within {_in_words(window)}"
        return Consequences(standings=standings, cause=Cause.REPEATED, why=why)
    return Consequences(standings=standings)


def _ended(rollback: Rollback, otherwise: datetime) -> datetime:
    """When hosts had been moved; one that failed half-way has moved some by its end."""
    return rollback.restored_at or rollback.finished_at or otherwise


def _automatic(rollback: Rollback) -> bool:
    return rollback.kind is Kind.ROLLBACK and not rollback.by


def _in_words(window: timedelta) -> str:
    minutes = window.total_seconds() / 60
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{window.total_seconds():.0f} seconds"
