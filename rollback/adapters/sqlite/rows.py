"""Rows of deployments and rollbacks as records."""

import sqlite3

from rollback.adapters.codec import from_json, from_text, maybe_from_text
from rollback.domain.deployment import Deployment, Outcome
from rollback.domain.rollback import HostResult, Kind, Phase, Rollback, Verification


def deployment_from(row: sqlite3.Row) -> Deployment:
    """The deployment that a row holds."""
    return Deployment(
        id=row["id"],
        service=row["service"],
        env=row["env"],
        version=row["version"],
        hosts=from_json(row["hosts"], tuple[str, ...]),
        checksum=row["checksum"],
        rollback_safe=bool(row["rollback_safe"]),
        override=bool(row["override"]),
        started_at=from_text(row["started_at"]),
        heard_at=from_text(row["heard_at"]),
        finished_at=maybe_from_text(row["finished_at"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        detail=row["detail"],
        account=row["account"],
    )


def rollback_from(row: sqlite3.Row) -> Rollback:
    """The rollback that a row holds."""
    verification = row["verification"]
    return Rollback(
        id=row["id"],
        service=row["service"],
        env=row["env"],
        kind=Kind(row["kind"]),
        phase=Phase(row["phase"]),
        from_version=row["from_version"],
        to_version=row["to_version"],
        decision_id=row["decision_id"],
        deployment_id=row["deployment_id"],
        attempt=row["attempt"],
        requested_at=from_text(row["requested_at"]),
        by=row["asked_by"],
        only=from_json(row["only_hosts"], tuple[str, ...]),
        changed_at=from_text(row["changed_at"]),
        started_at=maybe_from_text(row["started_at"]),
        restored_at=maybe_from_text(row["restored_at"]),
        finished_at=maybe_from_text(row["finished_at"]),
        detail=row["detail"],
        results=from_json(row["results"], tuple[HostResult, ...]),
        verification=from_json(verification, Verification) if verification else None,
        acknowledged_at=maybe_from_text(row["acknowledged_at"]),
        acknowledged_by=row["acknowledged_by"],
    )
