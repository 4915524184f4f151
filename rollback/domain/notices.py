"""What people are told, in words a tired person understands. Written with the change that it tells of."""

from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, Release
from rollback.domain.reasons import MEANINGS, Verdict
from rollback.domain.records import DecisionRecord, Notice, Step
from rollback.domain.rollback import Phase, Rollback, VerificationVerdict

GOOD, WARNING, DANGER = "good", "warning", "danger"
HOST = "host"
"""The step that stands for a host as a whole, beside the steps of its tasks."""

VERDICT_TEXTS = {
    VerificationVerdict.FIXED: "measured healthy again",
    VerificationVerdict.NOT_FIXED: "the fault is still measured after it: a person must look",
    VerificationVerdict.WORSE: "hosts stopped answering after it: a person must look now",
    VerificationVerdict.BLIND: "nothing could be measured: a person must look",
}


def of_decision(decision: Decision, number: int) -> tuple[Notice, ...]:
    """A proposal, with what to type; other decisions are not worth a message."""
    if decision.verdict is not Verdict.PROPOSE:
        return ()
    service, why = decision.facts.alert.service, MEANINGS[decision.reason].sentence
    if decision.to_version is None:
        text = f"{service} {decision.from_version} looks bad, but there is nothing to go back to"
        return (_of_alert(decision, text, DANGER),)
    text = f"Rollback of {_change(decision)} proposed: {why}. To do it: rollbackctl approve {number}"
    return (_of_alert(decision, text, WARNING),)


def started(rollback: Rollback, alertname: str) -> Notice:
    """The first message of a rollback."""
    text = f"Rolling back {rollback.service} {rollback.from_version} to {rollback.to_version}"
    return _notice(rollback, text, WARNING, Alert=alertname)


def of_step(rollback: Rollback, step: Step) -> tuple[Notice, ...]:
    """One message for each host as a whole; the steps of its tasks stay in the ledger."""
    if step.step != HOST or step.status == "started":
        return ()
    if step.status == "done":
        return (_notice(rollback, f"{step.host} runs {rollback.to_version}", GOOD),)
    return (_notice(rollback, f"{step.host} was not restored: {step.detail}", DANGER),)


def restored(rollback: Rollback) -> Notice:
    """Every host runs the target; measuring begins."""
    return _notice(rollback, f"{rollback.service} {rollback.to_version} is live again, measuring", GOOD)


def finished(rollback: Rollback) -> Notice:
    """The end, good or bad."""
    change = f"{rollback.service} {rollback.from_version} to {rollback.to_version}"
    if rollback.phase is Phase.FAILED:
        return _notice(rollback, f"Rollback of {change} FAILED: {rollback.detail}", DANGER)
    assert rollback.verification is not None
    verdict = rollback.verification.verdict
    colour = GOOD if rollback.phase is Phase.SUCCEEDED else DANGER
    return _notice(rollback, f"Rollback of {change}: {VERDICT_TEXTS[verdict]}", colour, Verdict=verdict)


def _change(decision: Decision) -> str:
    return f"{decision.facts.alert.service} {decision.from_version} to {decision.to_version}"


def _of_alert(decision: Decision, text: str, colour: str) -> Notice:
    return Notice(text=text, colour=colour, fields={"Alert": decision.facts.alert.name})


def _notice(rollback: Rollback, text: str, colour: str, **fields: str) -> Notice:
    return Notice(text=text, colour=colour, fields={"Rollback": str(rollback.id), **fields})


# What the daemon notices and does by itself.


def hosts_waiting(rollback: Rollback) -> Notice:
    """Some hosts could not be restored yet."""
    names = ", ".join(f"{r.host} ({r.detail})" for r in rollback.results if r.host in rollback.waiting)
    text = f"{rollback.service}: not yet on {rollback.to_version}: {names}; restored when that is possible"
    return _notice(rollback, text, WARNING)


def repair_proposed(rollback: Rollback, hosts: tuple[str, ...], why: str) -> Notice:
    """Hosts that were away could be restored now, but that is not done without a person."""
    text = (
        f"{rollback.service}: {', '.join(hosts)} can be brought to {rollback.to_version} now, "
        f"which is not done by itself: {why}"
    )
    return _notice(rollback, text, WARNING)


def repaired(repair: Rollback) -> Notice:
    """Hosts that were away run what the service runs."""
    well = [result.host for result in repair.results if result.host not in repair.waiting]
    text = f"{', '.join(well)} runs {repair.service} {repair.to_version} again, measured healthy"
    waits = f"; {', '.join(repair.waiting)} still waits" if repair.waiting else ""
    return _notice(repair, text + waits, GOOD)


def called_off(rollback: Rollback) -> Notice:
    """Nothing was done, and why."""
    change = f"{rollback.service} {rollback.from_version} to {rollback.to_version}"
    return _notice(rollback, f"Rollback of {change} called off: {rollback.detail}", GOOD)


def blind_told(rollback: Rollback) -> Notice:
    """Restored, but nothing could be measured."""
    change = f"{rollback.service} {rollback.from_version} to {rollback.to_version}"
    text = f"Rollback of {change}: {VERDICT_TEXTS[VerificationVerdict.BLIND]}; it is measured again by itself"
    return _notice(rollback, text, DANGER)


def hold_told(held: DecisionRecord) -> Notice:
    """An alert waits to be decided, and why."""
    alert, why = held.alert, MEANINGS[held.reason].sentence
    text = f"{alert.name} of {alert.service} waits: {why}. What was seen: rollbackctl explain {held.id}"
    return Notice(text=text, colour=WARNING, fields={"Alert": alert.name})


def release_good(release: Release) -> Notice:
    """A release can be gone back to from now on."""
    text = f"{release.service} {release.version} has proven to be good: it can be gone back to from now on"
    return Notice(text=text, colour=GOOD)


def live_observed(service: str, version: str, before: str | None) -> Notice:
    """The hosts run something that nobody reported."""
    expected = f", and not {before}, which was reported last" if before else ""
    text = f"{service}: every host runs {version}{expected}; taken as what should run"
    return Notice(text=text, colour=WARNING)


def deployment_given_up(deployment: Deployment, detail: str) -> Notice:
    """A deployment reported no end, and is closed."""
    text = f"Deployment {deployment.id} of {deployment.service} {deployment.version} never ended: {detail}"
    return Notice(text=text, colour=DANGER)
