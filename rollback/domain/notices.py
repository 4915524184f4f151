"""What people are told: written with the change that it tells of, composed from what is known then."""

from collections.abc import Sequence
from dataclasses import replace

from rollback.domain import rollback_wording as words
from rollback.domain import wording
from rollback.domain.alert import Alert
from rollback.domain.consequences import NOTHING, Consequences
from rollback.domain.control import Proposal
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, Release, Standing
from rollback.domain.facts import HostSeen
from rollback.domain.progress import HOST
from rollback.domain.reasons import Reason, Verdict
from rollback.domain.rollback import Kind, Rollback
from rollback.domain.rollback_wording import DANGER, GOOD, WARNING
from rollback.domain.stored import DecisionRecord, Notice, Step, Urgency

RECORDS = "/api/admin/rollback"

ENDS = {DANGER: Urgency.URGENT, WARNING: Urgency.HOLD}
"""How urgent the end of a rollback is, by its colour."""
AGAIN = "It is measured again by itself when Prometheus answers, as long as this version is meant to run."
STEPS = {
    "failed": "{host} was not restored to {version}",
    "unreachable": "{host} does not answer and was left as it is",
    "lacking": "{host} does not have {version}, and none could be brought",
}


def of_decision(decision: Decision, number: int) -> tuple[Notice, ...]:
    """A proposal, with what to type; other decisions are not worth a message."""
    if decision.verdict is not Verdict.PROPOSE:
        return ()
    facts = decision.facts
    alert = facts.alert
    where = wording.place(alert.service, alert.env)
    evidence = next((a.evidence for a in decision.answers if a.reason is decision.reason), {})
    why = wording.because(decision.reason, evidence)
    lines = [wording.about(alert)]
    if decision.to_version is None:
        lines.insert(0, f"{where} {decision.from_version} looks bad, and there is nothing to go back to")
        lines.append("Next: mend it or deploy another version; rollbackctl explain " + str(number))
    else:
        change = f"{decision.from_version} to {decision.to_version}"
        guess = "; it is the best guess" if decision.reason is Reason.NO_KNOWN_GOOD else ""
        lines.insert(0, f"Rollback of {where} {change} proposed, not done: {why}{guess}")
        lines.append(f"To do it: rollbackctl approve {number}. To refuse it: rollbackctl reject {number}.")
    if now := wording.hosts_now(facts.hosts):
        lines.insert(2, f"Now: {now}")
    lost = decision.to_version is None
    colour, urgency = (DANGER, Urgency.URGENT) if lost else (WARNING, Urgency.PROPOSAL)
    thread = _proposals(alert.service, facts.deployment.id if facts.deployment else None)
    return (_of_alert(alert, lines, colour, thread, number, urgency),)


def on_hold(record: DecisionRecord, hosts: Sequence[HostSeen] = ()) -> Notice:
    """An alert cannot be decided for some time already; what it waits for, and what to look at."""
    alert = record.alert
    objecting = next((a for a in _answers(record) if a.get("reason") == record.reason), {})
    evidence = objecting.get("evidence")
    why = wording.because(record.reason, evidence if isinstance(evidence, dict) else {})
    lines = [
        f"On hold: {alert.name} of {wording.place(alert.service, alert.env)} since "
        f"{wording.clock(record.at)}, nothing is rolled back: {why}",
        *([wording.about(alert)] if alert.annotations.get("summary") else []),
        *([f"Now: {now}"] if (now := wording.hosts_now(hosts)) else []),
        f"It is decided again while it fires. Next: rollbackctl explain {record.id}; rollbackctl status",
    ]
    return _of_alert(alert, lines, WARNING, f"decision-{record.id}", record.id, Urgency.HOLD)


def answered(proposal: Proposal, by: str, note: str) -> Notice:
    """A person has refused a proposal."""
    where = wording.place(proposal.service, proposal.env)
    said = f": {wording.cut(note)}" if note else ""
    text = (
        f"{by} rejected the rollback of {where} {proposal.from_version} to {proposal.to_version}{said}. "
        "This deployment is not proposed again."
    )
    return Notice(
        text=text,
        colour=GOOD,
        fields={"Service": where, "Decision": str(proposal.id)},
        thread=_proposals(proposal.service, proposal.deployment_id),
        links={"Record": f"{RECORDS}/decisions/{proposal.id}"},
    )


def withdrawn(proposal: Proposal, why: str) -> Notice:
    """Nobody has answered a proposal, and nothing asks for it any more."""
    where = wording.place(proposal.service, proposal.env)
    change = f" to {proposal.to_version}" if proposal.to_version else ""
    text = (
        f"Proposal {proposal.id} to roll back {where} {proposal.from_version}{change} is withdrawn: {why}. "
        "It is proposed again when an alert asks for it."
    )
    return Notice(
        text=text,
        colour=GOOD,
        fields={"Service": where, "Decision": str(proposal.id)},
        thread=_proposals(proposal.service, proposal.deployment_id),
        links={"Record": f"{RECORDS}/decisions/{proposal.id}"},
    )


def started(rollback: Rollback, alert: Alert) -> Notice:
    """The first message of a rollback or a repair."""
    if rollback.kind is Kind.REPAIR:
        text = f"{_sentence(words.change(rollback))} begins, as the rest of the service runs that version"
        return _notice(rollback, [text], WARNING, alert)
    asked = f", asked for by {rollback.by}" if rollback.by else ""
    lines = [
        f"Rolling back {wording.place(rollback.service, rollback.env)} {words.versions(rollback)}{asked}",
        wording.about(alert),
        "Follow it: rollbackctl rollbacks",
    ]
    return _notice(rollback, lines, WARNING, alert)


def of_step(rollback: Rollback, step: Step) -> tuple[Notice, ...]:
    """One message for each host as a whole; the steps of its tasks stay in the ledger."""
    if step.step != HOST or step.status == "started":
        return ()
    where = wording.place(rollback.service, rollback.env)
    if step.status == "done":
        before = " already" if step.detail == "already" else ""
        return (_notice(rollback, [f"{step.host} of {where} runs {rollback.to_version}{before}"], GOOD),)
    words = STEPS.get(step.status, STEPS["failed"]).format(host=step.host, version=rollback.to_version)
    detail = f": {wording.cut(step.detail)}" if step.detail else ""
    return (_notice(rollback, [f"{where}: {words}{detail}"], DANGER),)


def restored(rollback: Rollback) -> Notice:
    """Every host that could be restored runs the target; measuring begins."""
    where = wording.place(rollback.service, rollback.env)
    rest = wording.host_results(rollback.results)
    if not rest:
        return _notice(rollback, [f"{where} {rollback.to_version} is live again, measuring"], GOOD)
    return _notice(
        rollback, [f"{where} {rollback.to_version} is live again where possible, measuring", rest], WARNING
    )


def finished(
    rollback: Rollback,
    alert: Alert | None = None,
    hosts: Sequence[HostSeen] = (),
    follows: Consequences = NOTHING,
) -> Notice:
    """The end, good or bad: what is true now, what follows from it, and what to type."""
    headline, colour = words.headline(rollback)
    rest = words.left_out(rollback)
    numbers = wording.measured(rollback.verification)
    lines = [
        headline,
        *([f"Measured: {numbers}"] if numbers else []),
        *([f"Hosts: {rest}"] if rest else []),
        *([f"Now: {now}"] if (now := wording.hosts_now(hosts)) else []),
        *([AGAIN] if words.is_blind(rollback) else []),
        *words.what_follows(rollback, follows),
        *words.what_next(rollback),
    ]
    verdict = {"Verdict": str(rollback.verification.verdict)} if rollback.verification else {}
    told = _notice(rollback, lines, colour, alert, **verdict)
    return replace(told, urgency=ENDS.get(colour, Urgency.NEWS))


def deployment_given_up(deployment: Deployment, hosts: Sequence[HostSeen] = ()) -> Notice:
    """A deployment reported no end and is closed."""
    where = wording.place(deployment.service, deployment.env)
    lines = [
        f"Deployment {deployment.id} of {where} {deployment.version} is given up: "
        f"nothing was heard of it since {wording.clock(deployment.heard_at)}",
        *([f"Now: {now}"] if (now := wording.hosts_now(hosts)) else []),
        "Next: rollbackctl status; then run its playbook again, or deploy another version",
    ]
    return Notice(
        text="\n".join(lines),
        colour=WARNING,
        urgency=Urgency.HOLD,
        fields={"Service": where, "Deployment": str(deployment.id)},
        thread=f"deployment-{deployment.id}",
    )


def found_live(service: str, env: str, version: str, before: str | None) -> Notice:
    """The hosts run a version that nobody reported."""
    where = wording.place(service, env)
    text = (
        f"The hosts of {where} run {version}, which nobody reported; known was {before or 'nothing'}. "
        "It is taken for the live version from now on."
    )
    fields, thread = {"Service": where}, f"live-{service}"
    return Notice(text=text, colour=WARNING, urgency=Urgency.HOLD, fields=fields, thread=thread)


def repair_proposed(rollback: Rollback, hosts: Sequence[str], why: str) -> Notice:
    """Hosts that were away could be restored now, but that is not done without a person."""
    where = wording.place(rollback.service, rollback.env)
    lines = [
        f"{where}: {wording.named(hosts)} can be brought to {rollback.to_version} now, "
        f"which is not done by itself: {wording.cut(why)}",
        f"To do it: rollbackctl rollback {rollback.service} --to {rollback.to_version}",
    ]
    return replace(_notice(rollback, lines, WARNING), urgency=Urgency.PROPOSAL)


def release_good(release: Release) -> Notice:
    """A release can be gone back to from now on."""
    where = wording.place(release.service, release.env)
    text = f"{where} {release.version} has proven to be good: it can be gone back to from now on"
    thread = f"release-{release.service}-{release.version}"
    return Notice(text=text, colour=GOOD, fields={"Service": where}, thread=thread)


def marked(service: str, env: str, version: str, standing: Standing, by: str) -> Notice:
    """A person has said what a release is worth."""
    where = wording.place(service, env)
    text = f"{where} {version} is {standing} from now on, by {wording.cut(by)}"
    return Notice(text=text, colour=GOOD, fields={"Service": where}, thread=f"release-{service}-{version}")


def set_aside(count: int, problem: str) -> Notice:
    """Alerts could not be read; those that came with them were taken."""
    text = (
        f"{count} alert(s) could not be read and were set aside: {wording.cut(problem)}. Others that came "
        "with them were taken. Their bodies are in the table `quarantine` of the daemon's database."
    )
    return Notice(text=text, colour=WARNING, urgency=Urgency.HOLD, thread="set-aside")


def _proposals(service: str, deployment_id: int | None) -> str:
    """The thread of all proposals about a deployment: only the last of them is a question."""
    return f"proposal-{service}" + (f"-{deployment_id}" if deployment_id else "")


def not_decided(alert: Alert, count: int, problem: str) -> Notice:
    """Alerts could not be decided, again and again: a person must look at the service themselves."""
    others = f" and {count - 1} more alert(s)" if count > 1 else ""
    text = (
        f"{alert.name or 'An alert'}{others} of {wording.place(alert.service, alert.env)} could not be "
        f"decided, and nothing is done about it: {wording.cut(problem)}. Others are decided as always; "
        "this is not tried again. Next: look at it yourself; rollbackctl status; journalctl -u rollback"
    )
    return Notice(text=text, colour=DANGER, thread="set-aside")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _answers(record: DecisionRecord) -> list[dict[str, object]]:
    found = record.body.get("answers")
    return [a for a in found if isinstance(a, dict)] if isinstance(found, list) else []


def _of_alert(
    alert: Alert, lines: Sequence[str], colour: str, thread: str, number: int, urgency: Urgency
) -> Notice:
    return Notice(
        text="\n".join(lines),
        colour=colour,
        urgency=urgency,
        fields={
            "Service": wording.place(alert.service, alert.env),
            "Alert": alert.name,
            "Decision": str(number),
        },
        thread=thread,
        links={"Record": f"{RECORDS}/decisions/{number}", **_runbook(alert)},
    )


def _notice(
    rollback: Rollback, lines: Sequence[str], colour: str, alert: Alert | None = None, **fields: str
) -> Notice:
    known = {"Alert": alert.name} if alert else {}
    return Notice(
        text="\n".join(lines),
        colour=colour,
        fields={
            "Service": wording.place(rollback.service, rollback.env),
            "Rollback": str(rollback.id),
            "Decision": str(rollback.decision_id),
            **known,
            **fields,
        },
        thread=f"rollback-{rollback.id}",
        links={"Record": f"{RECORDS}/rollbacks/{rollback.id}", **(_runbook(alert) if alert else {})},
    )


def _runbook(alert: Alert) -> dict[str, str]:
    address = alert.annotations.get("runbook_url", "")
    return {"Runbook": address} if address else {}
