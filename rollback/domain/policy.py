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


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The numbers and modes that guards compare with."""

    modes: dict[str, Mode] = field(default_factory=dict)
    deployment_window: timedelta
    deployment_timeout: timedelta
    cooldown: timedelta
    stale_after: timedelta
    clock_tolerance: timedelta
    reconcile_interval: timedelta
    verification_interval: timedelta
    verification_timeout: timedelta
    verification_samples: int
    max_attempts: int

    def durations(self) -> dict[str, timedelta]:
        """Every duration in force, by its name."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if isinstance(value, timedelta)}

    def mode(self, trigger: str) -> Mode | None:
        """The mode of *trigger*; None when the site knows no such trigger."""
        return self.modes.get(trigger)
