"""Whether the incident ended as it must: asked from each source again, after the story is over."""

import time
from collections.abc import Sequence
from typing import Any

from harness import clients
from harness.demo.report import Check
from harness.faults import ReleaseFault
from harness.incident.patience import SERVICE
from harness.incident.receipts import Finding, Receipt, Record, compare, progress, wrong
from harness.incident.story import Stage, seconds_of
from harness.incident.witnesses import Witnesses
from harness.lab import addresses
from harness.load.summary import totals
from harness.stack import rollout
from monitoring.destinations import Destination
from monitoring.routing import Labels

MEASURED_S = 5  # the last seconds of load, which must be good again
BEFORE_S = 180.0  # an alert that fired shortly before the release may still be told to be over


def judge(fault: ReleaseFault, witnesses: Witnesses) -> tuple[list[Check], list[Receipt], dict[str, Any]]:
    """Return the checks, what every receiver got, and the facts for the record."""
    records = witnesses.receivers.requests()
    fired = fired_since(witnesses.prometheus, witnesses.story.begin - BEFORE_S)
    rows = compare(witnesses.routing, records, fired, main=fault.alert.name)
    rows.append(progress_row(records))
    checks = [
        *_live(),
        _seen_by_clients(fault, witnesses),
        _measured_by_prometheus(fault, witnesses),
        _rolled_back_once(witnesses),
        _told(rows),
    ]
    return checks, rows, {"fault": fault.spec, "alert": fault.alert.name, "fired": fired}


def fired_since(prometheus: clients.Prometheus, begin: float) -> list[Labels]:
    """Return the labels of every alert that fired since *begin*, each once."""
    series = prometheus.query_range('ALERTS{alertstate="firing"}', begin, time.time(), 1)
    internal = {"__name__", "alertstate"}
    return [{k: v for k, v in s["metric"].items() if k not in internal} for s in series]


def progress_row(records: Sequence[Record]) -> Receipt:
    """Return the row for the daemon's own messages about the rollback, of which there must be some."""
    told = [record for record in progress(records) if record["receiver"] == "slack" and record["valid"]]
    channels = sorted({str(record.get("channel") or "?") for record in told}) or ["?"]
    return Receipt(
        destination=Destination("slack", ", ".join(channels)),
        subject="progress of the rollback, from the daemon",
        expected="at least once",
        firing=len(told),
        resolved=0,
        finding=Finding.EXACT if told else Finding.MISSING,
    )


def _live() -> list[Check]:
    found = {name: application.version() for name, application in addresses.applications().items()}
    return [
        Check(
            what=f"version live on {name}",
            expected=rollout.GOOD,
            found=version,
            holds=version == rollout.GOOD,
        )
        for name, version in found.items()
    ]


def _seen_by_clients(fault: ReleaseFault, witnesses: Witnesses) -> Check:
    """Judge the last seconds of load as the clients saw them."""
    sums = totals(witnesses.load.seconds()[-MEASURED_S:])
    if fault.slow_over is None:
        return _below("error ratio that clients see", sums["error_ratio"], fault.threshold)
    return _below("p95 that clients see, in seconds", sums["median_p95"], fault.threshold)


def _measured_by_prometheus(fault: ReleaseFault, witnesses: Witnesses) -> Check:
    """Judge the series that the alert itself compares with its threshold."""
    samples = witnesses.prometheus.query(fault.measured)
    values = [float(s["value"][1]) for s in samples if s["metric"].get("service") == SERVICE]
    return _below("the same as Prometheus measures it", max(values, default=None), fault.threshold)


def _below(what: str, value: float | None, limit: float) -> Check:
    """A value that is not known does not hold."""
    found = "nothing" if value is None else f"{value:.3f}"
    holds = value is not None and value <= limit
    return Check(what=what, expected=f"at most {limit:g}", found=found, holds=holds)


def _rolled_back_once(witnesses: Witnesses) -> Check:
    """Judge the daemon's own record."""
    begin = witnesses.story.begin
    ours = [r for r in witnesses.daemon.rollbacks(SERVICE) if seconds_of(r["requested_at"]) >= begin]
    found = ", ".join(f"{r['phase']} ({(r['verification'] or {}).get('verdict')})" for r in ours) or "none"
    return Check(
        what="rollbacks since the release",
        expected="exactly one, succeeded (fixed)",
        found=found,
        holds=found == "succeeded (fixed)" and witnesses.story.at(Stage.VERIFIED) is not None,
    )


def _told(rows: Sequence[Receipt]) -> Check:
    bad = [f"{row.destination} ({row.subject}): {row.finding}" for row in wrong(rows)]
    return Check(
        what="receivers got exactly what they should",
        expected="nothing missing, nothing extra",
        found="; ".join(bad) or "that",
        holds=not bad,
    )
