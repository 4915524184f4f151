"""What a rollback came to, in words: the headline, what follows from it, and what a person types next."""

from rollback.domain import wording
from rollback.domain.consequences import Consequences
from rollback.domain.rollback import HostState, Kind, Phase, Rollback, VerificationVerdict

GOOD, WARNING, DANGER = "good", "warning", "danger"
HEADLINES = {
    VerificationVerdict.NOT_FIXED: "NOT FIXED: the fault is still measured in {where} after {change}",
    VerificationVerdict.WORSE: "WORSE: hosts of {where} do not answer as they should after {change}",
    VerificationVerdict.BLIND: "NOT MEASURED: nothing says whether {where} is well after {change}",
}
LATER = "What waits is restored, or proposed to you, when that becomes possible"


def headline(rollback: Rollback) -> tuple[str, str]:
    """The first line about the end of a rollback or a repair, and its colour."""
    where, moved = wording.place(rollback.service, rollback.env), change(rollback)
    partly = "in part " if rollback.waiting else ""
    after = moved if rollback.kind is Kind.REPAIR else f"going back {partly}from {versions(rollback)}"
    if rollback.phase is Phase.CALLED_OFF:
        return f"Called off before a host was touched: {moved}: {wording.cut(rollback.detail)}", GOOD
    if rollback.phase is Phase.FAILED:
        partly = "FAILED HALF-WAY" if rollback.changed else "FAILED"
        return f"{partly}: {moved}: {wording.cut(rollback.detail)}", DANGER
    assert rollback.verification is not None
    verdict = rollback.verification.verdict
    if rollback.phase is Phase.SUCCEEDED:
        colour = WARNING if rollback.waiting else GOOD
        if rollback.kind is Kind.REPAIR:
            well = [result.host for result in rollback.results if result.host not in rollback.waiting]
            waits = f"; {wording.named(rollback.waiting)} still waits" if rollback.waiting else ""
            runs = f"{wording.named(well) or 'no host'} of {where} runs {rollback.to_version} again"
            return f"{runs}, measured healthy{waits}", colour
        return f"{where} is measured healthy again after {after}", colour
    last = rollback.verification.samples[-1] if rollback.verification.samples else None
    said = HEADLINES[verdict].format(where=where, change=after)
    if verdict is VerificationVerdict.WORSE and last and last.unready_hosts:
        return f"{said}: {wording.named(last.unready_hosts)}", DANGER
    detail = wording.cut(rollback.detail or (last.detail if last else ""))
    return (f"{said}: {detail}" if detail else said), DANGER


def is_blind(rollback: Rollback) -> bool:
    """Whether it could not be measured."""
    verification = rollback.verification
    return verification is not None and verification.verdict is VerificationVerdict.BLIND


def left_out(rollback: Rollback) -> str:
    """What became of hosts that were not restored, unless the failure itself names all of them."""
    away = [r.host for r in rollback.results if r.state not in (HostState.DONE, HostState.ALREADY)]
    said = rollback.phase is Phase.FAILED and all(host in rollback.detail for host in away)
    return "" if said else wording.host_results(rollback.results)


def what_follows(rollback: Rollback, follows: Consequences) -> list[str]:
    """What the daemon believes and does from now on."""
    said = [f"{version} is {standing} from now on." for version, standing in follows.standings]
    if follows.cause:
        said.append(
            f"Automatic rollbacks of {rollback.service} are off: {follows.why}. "
            f"To allow them again: rollbackctl breaker close {rollback.service}"
        )
    return said


def what_next(rollback: Rollback) -> list[str]:
    """What to type, where something is left to do."""
    if rollback.phase is Phase.CALLED_OFF or (rollback.phase is Phase.SUCCEEDED and not rollback.waiting):
        return []
    again = f"; rollbackctl rollback {rollback.service} --to {rollback.to_version}"
    what = again if rollback.phase is Phase.FAILED else ""
    look = "A person must look" if rollback.phase is not Phase.SUCCEEDED else LATER
    return [f"{look}: rollbackctl status{what}. When you take it over: rollbackctl acknowledge {rollback.id}"]


def change(rollback: Rollback) -> str:
    """What moves where."""
    where = wording.place(rollback.service, rollback.env)
    if rollback.kind is Kind.REPAIR:
        return f"bringing {wording.named(rollback.only) or 'hosts'} of {where} to {rollback.to_version}"
    return f"rollback of {where} {versions(rollback)}"


def versions(rollback: Rollback) -> str:
    """From which version to which."""
    return f"{rollback.from_version} to {rollback.to_version}"
