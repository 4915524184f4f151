"""What the steps of a rollback's attempts say together."""

from collections.abc import Sequence
from dataclasses import replace

from rollback.domain.rollback import HostResult, HostState
from rollback.domain.stored import Step

HOST = "host"
"""The step that stands for a host as a whole."""
GATE = "gate"
"""The step at which it is asked whether the first host may be touched."""
STARTED, DONE, ALREADY = "started", "done", "already"
ASKED, OPEN, CLOSED = "asked", "open", "closed"


def begun(steps: Sequence[Step]) -> bool:
    """Whether an attempt has got past the gate."""
    return any(step.step == GATE and step.status == OPEN for step in steps)


def with_earlier(results: Sequence[HostResult], earlier: Sequence[Step]) -> tuple[HostResult, ...]:
    """The results of an attempt together with what attempts before it, cut short, had moved already.

    A host that ran the target when the last attempt came to it was moved by an earlier one, if that had begun
    with it and was cut short, or had moved it.
    """
    hosts = [step for step in earlier if step.step == HOST]
    done = {step.host: step.at for step in hosts if step.status == DONE and step.detail != ALREADY}
    cut_short = {
        host for host, status in {step.host: step.status for step in hosts}.items() if status == STARTED
    }
    found = {result.host: result for result in results}
    for host, at in done.items():
        found.setdefault(host, HostResult(host=host, state=HostState.DONE, at=at))
    return tuple(
        replace(result, state=HostState.DONE)
        if result.state is HostState.ALREADY and result.host in done.keys() | cut_short
        else result
        for _, result in sorted(found.items())
    )
