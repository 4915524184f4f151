"""What the receivers know: which tokens, keys and passwords are good. Read once from a 0640 JSON file."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """The settings file cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    credentials: dict[
        str, Any
    ]  # what is good at each service: Slack's addresses by channel, PagerDuty's keys by urgency
    smtp_username: str
    smtp_password: str
    dead_man: dict[str, float] = field(default_factory=dict)  # how many seconds each heart may be silent
    slack_per_second: float = 0.0  # what Slack takes at one address after a burst of five; 0 takes everything
    address: str = "0.0.0.0"  # noqa: S104  the other lab hosts send here
    http_port: int = 9080
    smtp_port: int = 1025


def load(path: Path) -> Settings:
    """Read *path*; raises SettingsError with what was expected and found."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"expected JSON settings in {path}: {error}") from error
    known = {f.name for f in fields(Settings)}
    if not isinstance(values, dict) or not set(values) <= known:
        raise SettingsError(f"expected only {', '.join(sorted(known))} in {path}")
    try:
        return Settings(**values)
    except TypeError as error:
        raise SettingsError(f"expected all required settings in {path}: {error}") from error
