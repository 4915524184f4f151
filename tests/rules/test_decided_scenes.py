"""The real rules and the real decisions together: small inputs, and what becomes of the release.

The daemon is asked at every evaluation at which the trigger fires, as a repeat of the alert would ask it.
"""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.deployment import NewDeployment, Outcome, Standing
from rollback.domain.facts import HostSeen
from rollback.domain.ports import Active, Began, Fired, Rule, SourceState
from rollback.domain.stored import Quarantined
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.settings import Settings
from ruletools.house.scene import Scene


def _scenes() -> Any:
    """The series of the scenes: one home for how a night or a bad release looks."""
    path = Path(__file__).with_name("test_scenes.py")
    spec = importlib.util.spec_from_file_location("scenes_of_rules", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


scenes = _scenes()
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVICE, ENV = "mita-backend", "prod"
MINUTE = 60
RULES = {rule.name: rule for rule in load(REPO / "monitoring" / "rules")}


def seconds(at: datetime) -> int:
    return round((at - NOON).total_seconds())


@dataclass
class Watching:
    """Prometheus as the scene has it at the moment of the clock; also the clock and the hosts."""

    scene: Scene
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def ticks(self) -> float:
        return self.now().timestamp()

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        return (HostSeen(host="app1", answered=True, version="2", ready=True),)

    def active(self) -> list[Active]:
        return [
            Active(
                labels={"alertname": alert.name, **alert.labels, **self._static(alert.name)},
                firing=alert.state == "firing",
                since=NOON + timedelta(seconds=alert.pending_since),
            )
            for alert in self.scene.alerts(f"{seconds(self.at)}s")
        ]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        found = self.scene.alerts(f"{seconds(until)}s", name)
        return [
            Began(
                labels={"alertname": name, **alert.labels},
                since=NOON + timedelta(seconds=alert.pending_since),
            )
            for alert in found
        ]

    def troubled(self, labels: dict[str, str], lookback: float) -> list[dict[str, str]]:
        wanted = {name for name, rule in RULES.items() if labels.items() <= rule.labels.items()}
        moments = range(max(0, seconds(self.at) - int(lookback)), seconds(self.at) + 1, 15)
        found = [alert for moment in moments for alert in self.scene.alerts(f"{moment}s")]
        return [{"alertname": one.name, **one.labels} for one in found if one.name in wanted]

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        return [], []

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        return []

    def number(self, expression: str, version: str | None = None) -> float | None:
        found = self.scene.samples(expression, f"{seconds(self.at)}s")
        return min((sample.value for sample in found), default=None)

    def measure(self, expression: str, version: str) -> bool | None:
        return None

    def proven(self, service: str, env: str, lookback: float) -> bool:
        return False

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        return {
            name: Rule(
                name=name, labels=dict(rule.labels), evidence=self._filled(rule.annotations["evidence"])
            )
            for name, rule in RULES.items()
            if rule.labels.get("rollback") in ("auto", "propose")
        }

    def sources(self) -> list[SourceState]:
        return []

    def _filled(self, text: str) -> str:
        return text.replace("{{ $labels.service }}", SERVICE).replace("{{ $labels.env }}", ENV)

    def _static(self, name: str) -> dict[str, str]:
        return {key: value for key, value in RULES[name].labels.items() if "{{" not in value}


@dataclass
class Verdicts:
    """What the daemon said at each moment at which the trigger fired."""

    reasons: list[str]
    rollbacks: int


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path / "rollback.db")
    yield found
    found.close()


def played(store: SqliteStore, scene: Scene, trigger: str, *, deployed: int, until: int) -> Verdicts:
    """Release 2 after release 1 at *deployed*; the trigger is told whenever it fires, a minute apart."""
    settings = Settings(environment=ENV).policy()
    for version, moment in (("1", -3600), ("2", deployed)):
        new = NewDeployment(
            service=SERVICE, env=ENV, version=version, hosts=("app1",), checksum="", rollback_safe=True
        )
        begun = store.start_deployment(new, NOON + timedelta(seconds=moment))
        store.finish_deployment(begun.id, Outcome.LIVE, "", NOON + timedelta(seconds=moment + 30))
    store.mark_release(SERVICE, ENV, "1", Standing.GOOD, "the scene", NOON)
    scene.alerts(f"{until}s")  # promtool once for every moment
    watching = Watching(scene)
    intake = Intake(store, watching, lambda: settings)
    decider = Decider(store, watching, watching, watching, lambda: settings)
    for moment in range(0, until + 1, MINUTE):
        watching.at = NOON + timedelta(seconds=moment)
        firing = scene.alerts(f"{moment}s", trigger, "firing")
        alerts = tuple(_told(alert) for alert in firing)
        if alerts:
            intake.receive(Source.WEBHOOK, alerts).result()
            decider.work()
    decisions = store.decisions(SERVICE, 1000)[::-1]
    return Verdicts([str(decision.reason) for decision in decisions], len(store.rollbacks(SERVICE, 10)))


def _told(alert: Any) -> Alert:
    return Alert(
        fingerprint=str(sorted(alert.labels.items())),
        starts_at=NOON + timedelta(seconds=alert.firing_since),
        status=AlertStatus.FIRING,
        labels={"alertname": alert.name, **RULES[alert.name].labels, **alert.labels},
    )


# --- left alone


@pytest.mark.long
def test_two_failed_requests_in_the_night(store: SqliteStore) -> None:
    end, at = 90 * MINUTE, 60 * MINUTE
    scene = Scene(
        scenes.requests("app1", "200", scenes.counter(scenes.every(60, 0, end), end))
        | scenes.requests("app1", "500", scenes.counter([at + 5 * MINUTE, at + 6.5 * MINUTE], end))
    )

    said = played(store, scene, "CriticalErrorRate", deployed=at, until=end)

    assert (set(said.reasons), said.rollbacks) == ({"not_enough_evidence"}, 0)


@pytest.mark.long
def test_nobody_registers(store: SqliteStore) -> None:
    at, end = 60 * MINUTE, 85 * MINUTE
    successes = scenes.every(8 * MINUTE, 0, at - 2 * MINUTE)
    scene = Scene(
        scenes.own("user_registration_success_total", scenes.counter(successes, end))
        | scenes.own("user_registration_attempts_total", scenes.counter(successes, end))
    )

    said = played(store, scene, "UserRegistrationDown", deployed=at, until=end)

    assert said.reasons and said.rollbacks == 0
    assert set(said.reasons) <= {"not_enough_evidence", "evidence_unknown"}


def test_few_of_many_transactions(store: SqliteStore) -> None:
    end = 40 * MINUTE
    failures = scenes.every(45, 26 * MINUTE, end)
    scene = Scene(
        scenes.own("transaction_processing_total", "0+150x160")
        | scenes.own("transaction_processing_errors_total", scenes.counter(failures, end))
    )

    said = played(store, scene, "TransactionProcessingFailure", deployed=20 * MINUTE, until=end)

    assert said.reasons and said.rollbacks == 0


def test_a_lazy_pool_after_both_instances_restarted(store: SqliteStore) -> None:
    scene = Scene(scenes.redis("data", "9x120 1x8 9x60"))

    said = played(store, scene, "RedisConnectionFailure", deployed=29 * MINUTE, until=40 * MINUTE)

    assert said.rollbacks == 0


def test_redis_that_stops_after_a_healthy_release_is_asked_about(store: SqliteStore) -> None:
    """Both alerts begin in the same second; requests go on and fail."""
    scene = Scene(
        scenes.redis("data", "9x120 _x80", up="1x120 0x80")
        | scenes.requests("app1", "200", "0+150x200")
        | scenes.requests("app1", "500", "0x120 0+80x80")
    )

    said = played(store, scene, "RedisConnectionFailure", deployed=28 * MINUTE, until=38 * MINUTE)

    assert said.rollbacks == 0
    assert "accepted" not in said.reasons


def test_an_alert_that_was_true_before_the_deployment(store: SqliteStore) -> None:
    scene = Scene(scenes.requests("app1", "200", "0+70x240") | scenes.requests("app1", "500", "0+30x240"))

    said = played(store, scene, "CriticalErrorRate", deployed=30 * MINUTE, until=45 * MINUTE)

    assert said.rollbacks == 0


def test_workers_that_do_not_count_together(store: SqliteStore) -> None:
    """Two workers answer scrapes in turn, each with its own counts: no ratio of them is evidence."""
    turns = " ".join(str(20 * n + (500 if n % 2 else 0)) for n in range(40))
    scene = Scene(
        scenes.requests("app1", "200", f"0+15x80 {turns}") | scenes.requests("app1", "500", f"0x80 {turns}")
    )

    said = played(store, scene, "CriticalErrorRate", deployed=20 * MINUTE, until=29 * MINUTE)

    assert (set(said.reasons), said.rollbacks) == ({"evidence_unknown"}, 0)


# --- rolled back


def test_a_release_that_fails_a_third_of_modest_traffic(store: SqliteStore) -> None:
    scene = Scene(
        scenes.requests("app1", "200", "0+15x80 1200+10x80") | scenes.requests("app1", "500", "0x80 0+5x80")
    )

    said = played(store, scene, "CriticalErrorRate", deployed=19 * MINUTE, until=30 * MINUTE)

    assert (said.reasons[0], said.rollbacks) == ("accepted", 1)


def test_people_who_try_to_register_and_fail(store: SqliteStore) -> None:
    at, end = 60 * MINUTE, 85 * MINUTE
    successes = scenes.every(60, 0, at)
    scene = Scene(
        scenes.own("user_registration_success_total", scenes.counter(successes, end))
        | scenes.own("user_registration_attempts_total", scenes.counter(scenes.every(60, 0, end), end))
    )

    said = played(store, scene, "UserRegistrationDown", deployed=at, until=end)

    assert said.rollbacks == 1
    assert said.reasons[0] == "accepted"
