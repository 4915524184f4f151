"""What the site allows. Durations are already scaled."""

from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum


class Mode(StrEnum):
    """How far a trigger may go."""

    OFF = "off"
    SHADOW = "shadow"  # decide and record, never act
    PROPOSE = "propose"  # decide, record and ask a person
    AUTO = "auto"


MODES = {
    "error_rate_threshold": Mode.AUTO,
    "latency_degradation": Mode.AUTO,
    "health_check_failure": Mode.AUTO,
    "database_error": Mode.AUTO,
    "journey_failing": Mode.OFF,
    "client_errors": Mode.OFF,
    "requests_stuck": Mode.OFF,
    "traffic_lost": Mode.OFF,
    "crash_at_start": Mode.OFF,
}
"""How far each trigger may go where the site says nothing."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The numbers and modes that guards compare with; docs/settings.md says what each means."""

    environment: str
    modes: dict[str, Mode] = field(default_factory=dict)
    strict_seed: bool = False
    deployment_window: timedelta
    deployment_timeout: timedelta
    cooldown: timedelta
    retry_after: timedelta
    stale_after: timedelta
    hold_told_after: timedelta
    good_after: timedelta
    breaker_window: timedelta
    veto_lookback: timedelta
    recovery_quiet: timedelta
    clock_tolerance: timedelta
    reconcile_interval: timedelta
    rehearsal_interval: timedelta
    verification_interval: timedelta
    verification_timeout: timedelta
    verification_blind_timeout: timedelta
    keep_records: timedelta = timedelta(days=400)
    keep_output: timedelta = timedelta(days=90)
    keep_quarantine: timedelta = timedelta(days=30)
    verification_samples: int
    max_attempts: int

    def durations(self) -> dict[str, timedelta]:
        """Every duration in force, by its name."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if isinstance(value, timedelta)}

    def mode(self, trigger: str) -> Mode | None:
        """The mode of *trigger*; None when the site knows no such trigger."""
        return self.modes.get(trigger)
