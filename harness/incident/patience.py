"""How long each part of an incident may take, computed from rules, routing and the policy in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.paths import REPO
from devtools.playbook import host_variables
from harness.faults import ReleaseFault
from harness.lab import addresses
from monitoring.catalog import Alert, detection_bounds
from monitoring.detection import window
from monitoring.durations import parse_duration
from monitoring.yaml_text import read_yaml

SERVICE = "mita-backend"
MONITORING = REPO / "monitoring"
ANSIBLE_S = 60.0  # what a playbook over two hosts may take on a busy machine
CALM_S = 60.0  # what the lab may need to come to rest
SETTLE_S = 3.0  # within which what is told too much follows what is told
MARGIN_S = 10.0  # what a busy machine may be late with anything


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
    return dict(read_yaml((directory / "alertmanager.yml").read_text()))


def resolution_s(alert: Alert, scale: float) -> float:
    """Return the most seconds from the last bad response to the alert's end: its whole window."""
    scrape_and_evaluation = 30 / scale
    return window(alert) / 1000 / scale + scrape_and_evaluation + MARGIN_S


def firing_s(alert: Alert, scale: float) -> float:
    """Return the most seconds from a fault to its alert: window, `for`, two intervals."""
    return resolution_s(alert, scale) + alert.for_ms / 1000 / scale


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
    return dict(addresses.daemon().status()["policy"])


def patience_of(fault: ReleaseFault) -> Patience:
    """Return the time limits of the incident that a release with this *fault* makes on the lab."""
    return patience(fault.alert, breach_share=fault.share, scale=time_scale(), policy=policy_in_force())


def window_s() -> float:
    """Return the length of the daemon's deployment window, with a margin."""
    return policy_in_force()["deployment_window"] + MARGIN_S


def time_scale() -> float:
    """Return by how much the lab is faster than production."""
    return float(host_variables().get("time_scale", 1))
