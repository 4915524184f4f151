"""The seed's alerts keep their names, thresholds, durations, severities and rollback triggers."""

import pytest

from devtools.paths import REPO
from monitoring.catalog import Alert, load
from monitoring.detection import window
from monitoring.thresholds import comparison, threshold

ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
MINUTE = 60_000

# (comparison, threshold, window and `for` in minutes, severity, rollback trigger); None: the seed is silent
SEED: dict[str, tuple[str | None, float | None, float | None, float | None, str, str | None]] = {
    "CriticalErrorRate": (">", 0.2, 2, 2, "critical", "error_rate_threshold"),
    "CriticalP95Latency": (">", 1.0, 2, 2, "critical", "latency_degradation"),
    "MitaSystemUnhealthy": ("==", 0, 0, 1, "critical", "health_check_failure"),
    "MitaDatabaseConnectionIssues": (">", 5000, 0, 2, "critical", "database_error"),
    "TransactionProcessingFailure": (">", 5, 5, 2, "critical", "database_error"),
    "RedisConnectionFailure": ("<", 1, 0, 1, "critical", "database_error"),
    "UserRegistrationDown": ("==", 0, 10, 5, "critical", "error_rate_threshold"),
    "HighErrorRate": (">", 0.05, None, None, "error", None),
    "DatabaseConnectionsHigh": (">", 80, None, None, "error", None),
    "QueueDepthCritical": (">", 2000, None, None, "error", None),
    "RevenueProcessingIssue": (None, None, None, 0, "error", None),
    "HighP95Latency": (">", 0.4, None, None, "warning", None),
    "HighMemoryUsage": (">", 85, None, None, "warning", None),
    "QueueDepthHigh": (">", 500, None, None, "warning", None),
    "ComponentPerformanceDegradation": (">", None, None, None, "warning", None),
}


def facts(alert: Alert) -> tuple[str | None, float | None, float, float, str, str | None]:
    condition = comparison(alert.tree)
    return (
        condition.op if condition else None,
        threshold(alert.tree),
        window(alert) / MINUTE,
        alert.for_ms / MINUTE,
        alert.severity,
        alert.rollback_trigger,
    )


@pytest.mark.parametrize("name", SEED)
def test_the_seed_is_kept(name: str) -> None:
    found = facts(ALERTS[name])
    for expected, value in zip(SEED[name], found, strict=True):
        assert expected is None or expected == value, f"{name}: seed says {SEED[name]}, the rule says {found}"


def test_only_the_seven_may_roll_back() -> None:
    auto = {name for name, alert in ALERTS.items() if alert.labels.get("rollback") == "auto"}
    assert auto == {name for name, fact in SEED.items() if fact[5]}
    others = {name for name, alert in ALERTS.items() if alert.rollback_trigger} - auto
    assert {ALERTS[name].labels["rollback"] for name in others} == {"propose"}


def test_there_are_at_least_the_promised_number_of_rules() -> None:
    assert len(ALERTS) >= 92


def test_only_louder_alerts_of_the_seed_silence_an_alert_of_the_seed() -> None:
    """A fast burn, for one, is critical too: it must not take the seed's notification away."""
    louder = {"warning": {"error", "critical"}, "error": {"critical"}}
    silenced = {
        name: {
            other.name
            for other in ALERTS.values()
            if other.severity in louder.get(ALERTS[name].severity, set())
            and other.labels["symptom"] == ALERTS[name].labels["symptom"]
        }
        for name in SEED
    }
    assert {name: by for name, by in silenced.items() if by} == {
        "HighErrorRate": {"CriticalErrorRate"},
        "HighP95Latency": {"CriticalP95Latency"},
        "DatabaseConnectionsHigh": {"MitaDatabaseConnectionIssues"},
        "QueueDepthHigh": {"QueueDepthCritical"},
        "HighMemoryUsage": {"HostMemoryPressure"},
    }
