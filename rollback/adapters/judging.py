"""What a run did to the hosts, judged by the steps that it reported; its exit code comes second."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rollback.domain import wording
from rollback.domain.progress import ALREADY, HOST, STARTED
from rollback.domain.rollback import HostResult, HostState
from rollback.domain.stored import Step

ENDS = {
    "done": HostState.DONE,
    "failed": HostState.FAILED,
    "unreachable": HostState.UNREACHABLE,
    "lacking": HostState.LACKING,
}
WORDS = {
    **wording.NOTHING_ELSE,
    HostState.LACKING: "does not have the release, and it could not be brought",
}
UNFINISHED = "the run ended while it was being switched"
NOT_REACHED = "the run ended before its turn"
WELL = (HostState.DONE, HostState.ALREADY)


@dataclass
class Heard:
    """What a run has said so far."""

    results: dict[str, HostResult] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    failures: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Take a step into account."""
        if step.step != HOST:
            self.failures += [step] if step.status == "failed" else []
        elif step.status == STARTED:
            self.unfinished.add(step.host)
        elif state := ENDS.get(step.status):
            if state is HostState.DONE and step.detail == ALREADY:
                state = HostState.ALREADY
            self.unfinished.discard(step.host)
            detail = "" if state in WELL else step.detail or self._why(step.host) or WORDS[state]
            self.results[step.host] = HostResult(host=step.host, state=state, at=step.at, detail=detail)

    @property
    def moved(self) -> bool:
        """Whether a host was moved."""
        return any(result.state is HostState.DONE for result in self.results.values())

    def ended(self, at: datetime, *, well: bool, expected: Sequence[str]) -> tuple[HostResult, ...]:
        """What became of each host. When the program failed, those that it never came to have failed too."""
        found = dict(self.results)
        for host in self.unfinished:
            detail = self._why(host) or UNFINISHED
            found[host] = HostResult(host=host, state=HostState.FAILED, at=at, detail=detail)
        if found and not well:
            missing = [host for host in expected if host not in found]
            found |= {
                host: HostResult(host=host, state=HostState.FAILED, at=at, detail=NOT_REACHED)
                for host in missing
            }
        return tuple(found[host] for host in sorted(found))

    def why(self, results: Sequence[HostResult]) -> str:
        """One line for people: which host, and why; empty when no step tells."""
        told = [f"{r.host}: {r.detail}" for r in results if r.state not in WELL]
        if not told:
            hosts: dict[str, list[str]] = {}
            for step in self.failures:
                hosts.setdefault(step.detail or f"{step.step} failed", []).append(step.host)
            told = [f"{', '.join(sorted(set(names)))}: {detail}" for detail, names in hosts.items()]
        return "; ".join(told)

    def _why(self, host: str) -> str:
        failed = [step for step in self.failures if step.host == host]
        return f"{failed[-1].step}: {failed[-1].detail}" if failed and failed[-1].detail else ""


def restored(results: Sequence[HostResult]) -> bool:
    """Whether no host failed and at least one runs the target."""
    states = {result.state for result in results}
    return HostState.FAILED not in states and bool(states & set(WELL))
