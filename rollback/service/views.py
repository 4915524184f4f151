"""Records as the plain values that the interface tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rollback.domain import wording
from rollback.domain.alert import Alert
from rollback.domain.control import Freeze, Proposal
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, Release
from rollback.domain.facts import HostSeen
from rollback.domain.rollback import Rollback, Verification
from rollback.domain.stored import DecisionRecord, LedgerEntry, SetAside

Json = dict[str, Any]


def decision_view(record: DecisionRecord) -> Json:
    """A stored decision as the interface tells it."""
    body: Json = record.body
    facts, alert = body["facts"], record.alert
    deployment = facts["deployment"]
    return {
        "id": record.id,
        "at": body["at"],
        "alert": alert_view(alert),
        "alerts": record.alerts,
        "service": alert.service,
        "env": alert.env,
        "trigger": alert.trigger,
        "verdict": record.verdict,
        "reason": record.reason,
        "sentence": sentence(record),
        "by": body.get("by", ""),
        "guards": body["answers"],
        "deployment_id": deployment["id"] if deployment else None,
        "rollback_id": record.rollback_id,
        "from_version": body["from_version"],
        "to_version": body["to_version"],
    }


def sentence(record: DecisionRecord) -> str:
    """Why the decision is what it is, with what the objecting guard saw."""
    answers: list[Json] = record.body["answers"]  # type: ignore[assignment]
    evidence: Json = next((a["evidence"] for a in answers if a["reason"] == record.reason), {})
    return wording.because(record.reason, evidence)


def imagined_view(decision: Decision) -> Json:
    """What would happen, and why."""
    objecting = next((a for a in decision.answers if a.reason is decision.reason), None)
    return {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "sentence": wording.because(decision.reason, objecting.evidence if objecting else {}),
        "from_version": decision.from_version,
        "to_version": decision.to_version,
    }


def preview_view(decision: Decision) -> Json:
    """A decision that was only imagined, guard by guard."""
    deployment, alert = decision.facts.deployment, decision.facts.alert
    answers = [
        {
            "guard": answer.guard,
            "passed": answer.passed,
            "reason": answer.reason,
            "evidence": plain(answer.evidence),
        }
        for answer in decision.answers
    ]
    return {
        "at": decision.at.isoformat(),
        "alert": alert_view(alert),
        "service": alert.service,
        "env": alert.env,
        "trigger": alert.trigger,
        "guards": answers,
        "deployment_id": deployment.id if deployment else None,
        **imagined_view(decision),
    }


def alert_view(alert: Alert) -> Json:
    """The alert of a decision."""
    return {
        "alertname": alert.name,
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at.isoformat(),
        "status": alert.status,
        "labels": alert.labels,
        "annotations": alert.annotations,
    }


def host_view(seen: HostSeen) -> Json:
    """One host as it answered just now."""
    return {"host": seen.host, "answered": seen.answered, "version": seen.version, "ready": seen.ready}


def release_view(release: Release) -> Json:
    """One release and what it is worth."""
    return {
        "version": release.version,
        "standing": release.standing,
        "standing_at": iso(release.standing_at),
        "by": release.standing_by,
        "rollback_safe": release.rollback_safe,
        "live_at": iso(release.live_at),
        "deployed_at": iso(release.deployed_at),
    }


def freeze_view(freeze: Freeze) -> Json:
    """One freeze; an empty service means all."""
    return {
        "id": freeze.id,
        "service": freeze.service or None,
        "env": freeze.env,
        "reason": freeze.reason,
        "by": freeze.by,
        "since": iso(freeze.since),
        "until": iso(freeze.until),
        "ended_at": iso(freeze.ended_at),
        "ended_by": freeze.ended_by,
    }


def proposal_view(proposal: Proposal) -> Json:
    """One proposal; its number is that of its decision."""
    return {
        "id": proposal.id,
        "service": proposal.service,
        "env": proposal.env,
        "deployment_id": proposal.deployment_id,
        "from_version": proposal.from_version,
        "to_version": proposal.to_version,
        "state": proposal.state,
        "at": iso(proposal.at),
        "by": proposal.by,
        "note": proposal.note,
        "answered_at": iso(proposal.answered_at),
    }


def rollback_view(rollback: Rollback) -> Json:
    """One rollback or repair, with each host's end and the measurement."""
    return {
        "id": rollback.id,
        "service": rollback.service,
        "env": rollback.env,
        "kind": rollback.kind,
        "phase": rollback.phase,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "decision_id": rollback.decision_id,
        "deployment_id": rollback.deployment_id,
        "by": rollback.by,
        "only": list(rollback.only),
        "attempt": rollback.attempt,
        "requested_at": iso(rollback.requested_at),
        "started_at": iso(rollback.started_at),
        "restored_at": iso(rollback.restored_at),
        "finished_at": iso(rollback.finished_at),
        "detail": rollback.detail,
        "results": [
            {"host": r.host, "state": r.state, "at": iso(r.at), "detail": r.detail} for r in rollback.results
        ],
        "waiting": list(rollback.waiting),
        "verification": verification_view(rollback.verification) if rollback.verification else None,
        "acknowledged_at": iso(rollback.acknowledged_at),
        "acknowledged_by": rollback.acknowledged_by,
    }


def verification_view(verification: Verification) -> Json:
    """The verdict and the samples it rests on."""
    samples = [
        {
            "at": iso(s.at),
            "healthy": s.healthy,
            "detail": s.detail,
            "unready_hosts": list(s.unready_hosts),
            "measures": [
                {"alertname": m.alertname, "healthy": m.healthy, "value": m.value} for m in s.measures
            ],
        }
        for s in verification.samples
    ]
    return {
        "verdict": verification.verdict,
        "at": iso(verification.at),
        "measured": wording.measured(verification),
        "samples": samples,
    }


def deployment_view(deployment: Deployment) -> Json:
    """One deployment."""
    return {
        "id": deployment.id,
        "service": deployment.service,
        "env": deployment.env,
        "version": deployment.version,
        "hosts": list(deployment.hosts),
        "checksum": deployment.checksum,
        "rollback_safe": deployment.rollback_safe,
        "override": deployment.override,
        "started_at": iso(deployment.started_at),
        "heard_at": iso(deployment.heard_at),
        "finished_at": iso(deployment.finished_at),
        "outcome": deployment.outcome,
        "detail": deployment.detail,
        "account": deployment.account,
    }


def entry_view(entry: LedgerEntry) -> Json:
    """One line of the history; what it says about itself comes last and wins."""
    base = {
        "id": entry.id,
        "at": iso(entry.at),
        "kind": entry.kind,
        "service": entry.service,
        "env": entry.env,
    }
    return {**entry.data, **base}


def iso(at: datetime | None) -> str | None:
    """The moment as ISO 8601, passing None on."""
    return None if at is None else at.isoformat()


def plain(value: object) -> Any:
    """The value as JSON knows it: times as text."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def set_aside_view(found: SetAside) -> Json:
    """An alert that was set aside, as far as a status page needs it."""
    return {
        "id": found.id,
        "at": iso(found.at),
        "problem": wording.cut(found.problem),
        "body": found.body[:200],
    }
