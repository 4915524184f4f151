"""From what each source recorded to the moments of one story. Pure: recorded inputs in, moments out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from devtools.errors import UserError
from harness.incident.receipts import ALERTMANAGER, OVER, destination, says, sender

Row = Mapping[str, Any]


class Stage(StrEnum):
    DEPLOYING = "deployment begins"
    LIVE = "release live"
    FIRST_BAD = "first bad response"
    PENDING = "alert pending"
    FIRING = "alert firing"
    WEBHOOK = "webhook received"
    DECIDED = "decision"
    STARTED = "rollback begins"
    HOST = "host"
    RESTORED = "restored"
    FIRST_GOOD = "first good response"
    VERIFIED = "verified"
    FINISHED = "rollback finished"
    RESOLVED = "alert resolved"
    NOTIFIED = "notified"


@dataclass(frozen=True, kw_only=True, order=True)
class Moment:
    """Something that happened: when (seconds since the epoch), what, and in a few words with which values."""

    at: float
    stage: Stage
    detail: str = ""

    @property
    def key(self) -> tuple[Stage, str]:
        """Two moments with the same key are the same event, seen twice."""
        return self.stage, self.detail


LEDGER_STAGES: Mapping[str, Stage] = {
    "deployment_started": Stage.DEPLOYING,
    "deployment_finished": Stage.LIVE,
    "webhook_received": Stage.WEBHOOK,
    "alert_seen": Stage.WEBHOOK,
    "decided": Stage.DECIDED,
    "rollback_started": Stage.STARTED,
    "host_step": Stage.HOST,
    "restored": Stage.RESTORED,
    "verified": Stage.VERIFIED,
    "rollback_finished": Stage.FINISHED,
}


def seconds_of(iso: str) -> float:
    """Return an ISO time as seconds since the epoch."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def _ledger_detail(entry: Row) -> str:
    """Return the values of a ledger entry that a person wants to see, in a fixed order."""
    route = f"{entry['from_version']} -> {entry['to_version']}" if entry.get("to_version") else ""
    host = " ".join(str(entry[name]) for name in ("host", "status", "detail") if entry.get(name))
    plain = [
        str(entry[n])
        for n in ("alertname", "version", "outcome", "verdict", "reason", "phase")
        if entry.get(n)
    ]
    return ", ".join(part for part in (host, *plain, route) if part)


def _is_inner_step(entry: Row) -> bool:
    """Tell whether it is a task on a host: the story tells how the host as a whole began and ended."""
    return bool(entry["kind"] == "host_step" and entry["step"] != "host")


def _concerns(entry: Row, service: str, alertname: str) -> bool:
    """Tell whether a ledger entry belongs to the story of this alert of this service."""
    named = {alert["alertname"] for alert in entry.get("alerts", ())} or {entry.get("alertname", alertname)}
    ours = entry.get("service") in (service, "", None) and alertname in named
    return ours and entry["kind"] in LEDGER_STAGES and not _is_inner_step(entry)


def from_ledger(entries: Iterable[Row], service: str, alertname: str) -> list[Moment]:
    """Return the moments in the daemon's ledger; kinds that tell no story, and other alerts, are left out."""
    return [
        Moment(at=seconds_of(entry["at"]), stage=LEDGER_STAGES[entry["kind"]], detail=_ledger_detail(entry))
        for entry in entries
        if _concerns(entry, service, alertname)
    ]


def from_alerts(alerts: Iterable[Row], alertname: str) -> list[Moment]:
    """Return when the alert became pending, from Prometheus' list of active alerts."""
    return [
        Moment(at=seconds_of(alert["activeAt"]), stage=Stage.PENDING, detail=alertname)
        for alert in alerts
        if alert["labels"]["alertname"] == alertname
    ]


def from_alertmanager(alerts: Iterable[Row], alertname: str) -> list[Moment]:
    """Return when the alert began to fire, as Prometheus told Alertmanager."""
    return [
        Moment(at=seconds_of(alert["startsAt"]), stage=Stage.FIRING, detail=alertname)
        for alert in alerts
        if alert["labels"]["alertname"] == alertname
    ]


def first_bad(seconds: Iterable[Row], since: float) -> Moment | None:
    """Return the first error or slow answer after *since*."""
    times = [row["first_bad"] for row in seconds if row.get("first_bad") and row["first_bad"] >= since]
    return Moment(at=min(times), stage=Stage.FIRST_BAD) if times else None


def first_good_after_last_bad(seconds: Sequence[Row], since: float, quiet: float) -> Moment | None:
    """Return the first good answer after the last bad one since *since*.

    None until *quiet* seconds have been recorded without a bad answer: before that, a bad one may still come.
    """
    rows = [row for row in seconds if row["t"] + 1 >= since]
    bad = [row["last_bad"] for row in rows if row.get("last_bad")]
    if not bad or rows[-1]["t"] < max(bad) + quiet:
        return None
    good = [at for row in rows for at in (row["first_good"], row["last_good"]) if at and at > max(bad)]
    return Moment(at=min(good), stage=Stage.FIRST_GOOD) if good else None


def from_records(records: Iterable[Row], alertname: str) -> list[Moment]:
    """Return who was told about the alert, and when."""
    return [
        Moment(
            at=seconds_of(record["at"]),
            stage=Stage.NOTIFIED,
            detail=f"{destination(record)}: {alertname} {'is over' if said == OVER else 'fires'}",
        )
        for record in records
        if record["valid"] and sender(record) == ALERTMANAGER and (said := says(record, alertname))
    ]


class Story:
    """The moments of one incident, each kept once, in the order of time."""

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self._moments: dict[tuple[Stage, str], Moment] = {}

    def add(self, moments: Iterable[Moment | None]) -> list[Moment]:
        """Keep what is new and not older than the story; return it in the order of time."""
        new = []
        for moment in moments:
            if moment is not None and moment.at >= self.begin and moment.key not in self._moments:
                self._moments[moment.key] = moment
                new.append(moment)
        return sorted(new)

    @property
    def moments(self) -> list[Moment]:
        """Everything kept, in the order of time."""
        return sorted(self._moments.values())

    def at(self, stage: Stage) -> float | None:
        """Return when *stage* was first reached."""
        return next((moment.at for moment in self.moments if moment.stage is stage), None)

    def between(self, first: Stage, second: Stage) -> float:
        """Return the seconds from one stage to another; raises UserError if one was not reached."""
        begin, end = self.at(first), self.at(second)
        if begin is None or end is None:
            missing = first if begin is None else second
            raise UserError(f"expected the stage {missing!r} to be reached, found {self.moments}")
        return end - begin

    def line(self, moment: Moment) -> str:
        """Return a moment as a person reads it: elapsed seconds, what, details."""
        return f"{moment.at - self.begin:7.1f} s  {moment.stage:<20} {moment.detail}".rstrip()
