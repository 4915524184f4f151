"""Records as the plain values that the interface tells."""

from datetime import datetime
from typing import Any

from rollback.domain.alert import Alert
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, Standing, known_good
from rollback.domain.policy import Policy
from rollback.domain.records import DecisionRecord, LedgerEntry, ServiceState, Step
from rollback.domain.rollback import Rollback, Verification

Json = dict[str, Any]


def decision_view(record: DecisionRecord) -> Json:
    """A stored decision as the interface tells it."""
    body: Json = record.body
    facts = body["facts"]
    deployment, alert = facts["deployment"], record.alert
    return {
        "id": record.id,
        "at": body["at"],
        "alert": alert_view(alert),
        "service": alert.service,
        "trigger": alert.trigger,
        "verdict": record.verdict,
        "reason": record.reason,
        "guards": body["answers"],
        "deployment_id": deployment["id"] if deployment else None,
        "rollback_id": record.rollback_id,
        "from_version": body["from_version"],
        "to_version": body["to_version"],
    }


def preview_view(decision: Decision) -> Json:
    """A decision that was only imagined."""
    deployment = decision.facts.deployment
    answers = [
        {
            "guard": answer.guard,
            "passed": answer.passed,
            "reason": answer.reason,
            "evidence": {name: _plain(value) for name, value in answer.evidence.items()},
        }
        for answer in decision.answers
    ]
    return {
        "at": decision.at.isoformat(),
        "alert": alert_view(decision.facts.alert),
        "service": decision.facts.alert.service,
        "trigger": decision.facts.alert.trigger,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "guards": answers,
        "deployment_id": deployment.id if deployment else None,
        "from_version": decision.from_version,
        "to_version": decision.to_version,
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


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


def service_view(state: ServiceState, policy: Policy) -> Json:
    """One service on the status page."""
    deployment, last = state.deployment, state.last_changed_at
    good = known_good(state.releases, state.current.version if state.current else None)
    current = state.current
    return {
        "current": {"version": current.version, "live_at": iso(current.live_at)} if current else None,
        "known_good": good.version if good else None,
        "rejected": sorted(r.version for r in state.releases if r.standing is Standing.REJECTED),
        "active_rollback": state.active_rollback.id if state.active_rollback else None,
        "cooldown_until": iso(last + policy.cooldown) if last else None,
        "deployment": deployment_view(deployment) if deployment else None,
        "deployment_window_ends": iso(deployment.window_ends(policy.deployment_window))
        if deployment
        else None,
    }


def rollback_view(rollback: Rollback, steps: list[Step]) -> Json:
    """One rollback with its steps."""
    return {
        "id": rollback.id,
        "service": rollback.service,
        "phase": rollback.phase,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "decision_id": rollback.decision_id,
        "deployment_id": rollback.deployment_id,
        "attempt": rollback.attempt,
        "requested_at": iso(rollback.requested_at),
        "started_at": iso(rollback.started_at),
        "restored_at": iso(rollback.restored_at),
        "finished_at": iso(rollback.finished_at),
        "detail": rollback.detail,
        "steps": [
            {"at": iso(s.at), "host": s.host, "step": s.step, "status": s.status, "detail": s.detail}
            for s in steps
        ],
        "verification": verification_view(rollback.verification) if rollback.verification else None,
    }


def verification_view(verification: Verification) -> Json:
    """The verdict and the samples it rests on."""
    samples = [
        {"at": iso(s.at), "healthy": s.healthy, "detail": s.detail, "unready_hosts": list(s.unready_hosts)}
        for s in verification.samples
    ]
    return {"verdict": verification.verdict, "at": iso(verification.at), "samples": samples}


def deployment_view(deployment: Deployment) -> Json:
    """One deployment."""
    return {
        "id": deployment.id,
        "service": deployment.service,
        "version": deployment.version,
        "hosts": list(deployment.hosts),
        "checksum": deployment.checksum,
        "rollback_safe": deployment.rollback_safe,
        "override": deployment.override,
        "started_at": iso(deployment.started_at),
        "finished_at": iso(deployment.finished_at),
        "outcome": deployment.outcome,
        "detail": deployment.detail,
    }


def entry_view(entry: LedgerEntry) -> Json:
    """One line of the history; what it says about itself comes last and wins."""
    base = {"id": entry.id, "at": iso(entry.at), "kind": entry.kind, "service": entry.service}
    return {**entry.data, **base}


def iso(at: datetime | None) -> str | None:
    """The moment as ISO 8601, passing None on."""
    return None if at is None else at.isoformat()
