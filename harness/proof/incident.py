"""A bad release, the alert that must notice it, and how long each part may take, from the rules."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from harness import clients
from monitoring.catalog import Alert, detection_bounds, load
from monitoring.detection import window
from monitoring.durations import parse_duration
from monitoring.thresholds import comparison, threshold

SERVICE = "mita-backend"
MONITORING = REPO / "monitoring"
ANSIBLE_S = 60.0  # what a playbook over two hosts may take on a busy machine
CALM_S = 60.0  # what the lab may need to come to rest
MARGIN_S = 10.0  # what a busy machine may be late with anything


def trigger_with(symptom: str) -> Alert:
    """Return the one alert with this symptom that may roll back; raises UserError if there is not one."""
    found = [
        alert
        for alert in load(MONITORING / "rules")
        if alert.labels.get("symptom") == symptom and alert.labels.get("rollback") == "auto"
    ]
    if len(found) != 1:
        raise UserError(f"expected one rollback alert with symptom {symptom}, found {len(found)}")
    return found[0]


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A fault of a release, and the symptom by which its alert is found in the rules."""

    name: str
    fault: str
    symptom: str
    breach_share: float
    slow_over: float | None = None

    @property
    def alert(self) -> Alert:
        """The rule with this symptom that may roll back."""
        return trigger_with(self.symptom)

    @property
    def threshold(self) -> float:
        """The value that must not be exceeded."""
        return threshold(self.alert.tree) or 0.0

    @property
    def measured(self) -> str:
        """The expression whose value the threshold limits."""
        condition = comparison(self.alert.tree)
        return str(condition.lhs) if condition else self.alert.expr


INCIDENTS: Mapping[str, Incident] = {
    "error": Incident(name="error", fault="error-ratio=0.35", symptom="http_errors", breach_share=0.35),
    "latency": Incident(
        name="latency", fault="added-latency=1.5", symptom="http_latency", breach_share=0.7, slow_over=1.0
    ),
}


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long each part of an incident may take, in seconds."""

    firing: tuple[float, float, float]  # from the first bad response: least, mean, most
    notified: float  # from firing to the last receiver
    resolved: float  # from the last bad response to the alert's end
    over: float  # from the alert's end to the last receiver
    verified: float  # of the daemon's measurement
    cooldown: float  # in which the daemon leaves a service alone

    @property
    def whole(self) -> float:
        """From the first bad response to the last notification, two playbook runs included."""
        parts = (self.firing[2], self.notified, ANSIBLE_S, self.verified, self.resolved, self.over, MARGIN_S)
        return sum(parts) + ANSIBLE_S


def routing(directory: Path = MONITORING) -> dict[str, Any]:
    """Return Alertmanager's configuration as the repository has it."""
    return dict(yaml.safe_load((directory / "alertmanager.yml").read_text()))


def resolution_s(alert: Alert, scale: float) -> float:
    """Return the most seconds from the last bad response to the alert's end: its whole window."""
    scrape_and_evaluation = 30 / scale
    return window(alert) / 1000 / scale + scrape_and_evaluation + MARGIN_S


def patience(alert: Alert, *, breach_share: float, scale: float, policy: Mapping[str, float]) -> Patience:
    """Return the time limits of *alert* under a time *scale*; *policy* is the daemon's, in force."""
    route = routing()["route"]
    wait, interval = (parse_duration(route[name]) / 1000 / scale for name in ("group_wait", "group_interval"))
    return Patience(
        firing=detection_bounds(alert, breach_share=breach_share, time_scale=scale),
        notified=wait + MARGIN_S,
        resolved=resolution_s(alert, scale),
        over=interval + MARGIN_S,
        verified=policy["verification_timeout"] + MARGIN_S,
        cooldown=policy["cooldown"] + MARGIN_S,
    )


def policy_in_force() -> dict[str, float]:
    """Return the daemon's durations as they are in force, scaled, in seconds."""
    return dict(clients.daemon().status()["policy"])


def patience_of(incident: Incident) -> Patience:
    """Return the time limits of *incident* on the lab."""
    return patience(
        incident.alert, breach_share=incident.breach_share, scale=time_scale(), policy=policy_in_force()
    )


def window_s() -> float:
    """Return the length of the daemon's deployment window, with a margin."""
    return policy_in_force()["deployment_window"] + MARGIN_S


@cache
def inventory(host: str = "monitor") -> dict[str, Any]:
    """Return the variables that the default inventory gives *host*."""
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [str(program), "--host", host], cwd=REPO, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"expected the inventory to be readable, found: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout))


def time_scale() -> float:
    """Return by how much the lab is faster than production."""
    return float(inventory().get("time_scale", 1))
