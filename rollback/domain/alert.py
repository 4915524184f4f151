"""An alert as Alertmanager tells it, and what makes two tellings the same one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AlertStatus(StrEnum):
    """The state of one episode of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Source(StrEnum):
    """How an alert reached the daemon."""

    WEBHOOK = "webhook"
    RECONCILE = "reconcile"
    PREVIEW = "preview"
    PERSON = "person"  # asked for by hand: no alert is behind it


YEARS = range(2000, 2200)
"""Times outside are a broken clock or nonsense, and no arithmetic with them is safe."""
WRITTEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)")


def plausible(at: datetime) -> datetime:
    """The moment, or ValueError when no alert can have begun then."""
    if at.year not in YEARS:
        raise ValueError(f"startsAt is in the year {at.year}")
    return at


def beginning(text: str) -> datetime:
    """The moment that `startsAt` names, or ValueError.

    Digits behind the microseconds are cut, never rounded: the webhook has nine of them and Alertmanager's
    list three, and both must name the same episode.
    """
    found = WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"startsAt is no time with a zone: {text[:50]!r}")
    whole, fraction, zone = found.groups(default="0")
    return plausible(datetime.fromisoformat(f"{whole}.{fraction:0<6}{zone}"))


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One state of one episode: repeats and the twins of an Alertmanager pair are equal in `identity`.

    silenced: a person silenced it in Alertmanager, so nobody is told of it and no webhook was sent.
    """

    fingerprint: str
    starts_at: datetime
    status: AlertStatus
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    silenced: bool = False

    def __post_init__(self) -> None:
        """Cut `starts_at` to milliseconds: webhooks may carry more digits than the API tells."""
        whole = self.starts_at.replace(microsecond=self.starts_at.microsecond // 1000 * 1000)
        object.__setattr__(self, "starts_at", whole)

    @property
    def identity(self) -> tuple[str, datetime, AlertStatus]:
        """What the store keeps only once."""
        return self.fingerprint, self.starts_at, self.status

    @property
    def name(self) -> str:
        """The alert's name, for people; nothing is decided by it."""
        return self.labels.get("alertname", "")

    @property
    def service(self) -> str:
        """The service that the alert is about; empty when it names none."""
        return self.labels.get("service", "")

    @property
    def env(self) -> str:
        """The environment that the alert is about; empty when it names none."""
        return self.labels.get("env", "")

    @property
    def trigger(self) -> str:
        """The policy key of the alert; empty when it carries none."""
        return self.labels.get("rollback_trigger", "")

    @property
    def is_heartbeat(self) -> bool:
        """True for the always-firing alert that only proves the route to the daemon."""
        return is_heartbeat(self.labels)


def is_heartbeat(labels: Mapping[str, str]) -> bool:
    """Whether these are the labels of the alert that always fires and only proves that it is heard."""
    return labels.get("rollback") == "heartbeat"
