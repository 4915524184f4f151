"""What a rehearsal found on each host."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollback.domain.control import Rehearsal
from rollback.domain.stored import Step

NONE = "none"
"""What the step `live` says of a host that has no live release."""
UNREACHABLE = "the daemon cannot log in to it"


@dataclass
class Tried:
    """What a rehearsal has said so far."""

    hosts: dict[str, Rehearsal] = field(default_factory=dict)
    live: dict[str, str | None] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Take a step into account: how it went on a host, or what is live there."""
        if step.step == "live":
            self.live[step.host] = None if step.status == NONE else step.status
        if step.step == "rehearsal":
            ok = step.status == "ok"
            silent = UNREACHABLE if step.status == "unreachable" else "the rehearsal failed"
            detail = "" if ok else step.detail or silent
            self.hosts[step.host] = Rehearsal(host=step.host, ok=ok, at=step.at, detail=detail)

    def ended(self, at: datetime, expected: Sequence[str], silence: str) -> tuple[Rehearsal, ...]:
        """The finding for each host; one that was expected and not told of has not been proven."""
        found = dict(self.hosts)
        for host in expected:
            found.setdefault(host, Rehearsal(host=host, ok=False, at=at, detail=silence))
        return tuple(replace(found[host], live=self.live.get(host)) for host in sorted(found))
