"""What deciding a storm of alerts costs, as a ratio to storing it: the inbox must not grow under load.

.venv/bin/python -m benchmarks.deciding
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time

import structlog

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.deployment import NewDeployment, Outcome, Standing
from rollback.domain.facts import HostSeen
from rollback.domain.ports import Active, Began, Fired, Rule, SourceState
from rollback.domain.stored import Quarantined
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.settings import Settings

STORMS, ALERTS = 9, 1_000
LIMIT = 3.0
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LABELS = {
    "alertname": "CriticalErrorRate",
    "service": "shop",
    "env": "production",
    "rollback": "auto",
    "rollback_trigger": "error_rate_threshold",
    **{f"label_{number}": "value" for number in range(6)},
}


class Calm:
    """A monitoring that answers at once: the cost of asking is not what is measured."""

    def active(self) -> list[Active]:
        return [Active(labels=LABELS, firing=True, since=NOON)]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        return []

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        return []

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        return [], []

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        return []

    def number(self, expression: str, version: str | None = None) -> float | None:
        return 1.0

    def measure(self, expression: str, version: str) -> bool | None:
        return True

    def proven(self, service: str, env: str, seconds: float) -> bool:
        return True

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        return {"CriticalErrorRate": Rule(name="CriticalErrorRate", labels=LABELS, evidence="enough")}

    def sources(self) -> list[SourceState]:
        return []

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        return (HostSeen(host="app1", answered=True, version="2", ready=True),)

    def now(self) -> datetime:
        return NOON + timedelta(minutes=5)

    def ticks(self) -> float:
        return self.now().timestamp()


def storm(number: int) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            fingerprint=f"{number}-{one}",
            starts_at=NOON + timedelta(minutes=4),
            status=AlertStatus.FIRING,
            labels=LABELS,
            annotations={"summary": "35% of requests to shop fail"},
        )
        for one in range(ALERTS)
    )


def seconds_of(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def main() -> int:
    """Print the ratio; 1 when it is above the limit."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    calm, policy = Calm(), Settings().policy()
    with tempfile.TemporaryDirectory() as place:
        store = SqliteStore(Path(place) / "rollback.db")
        for version, minutes in (("1", -60), ("2", 0)):
            new = NewDeployment(
                service="shop",
                env="production",
                version=version,
                hosts=("app1",),
                checksum="",
                rollback_safe=True,
            )
            started = store.start_deployment(new, NOON + timedelta(minutes=minutes))
            store.finish_deployment(started.id, Outcome.LIVE, "", NOON + timedelta(minutes=minutes + 1))
        store.mark_release("shop", "production", "1", Standing.GOOD, "the benchmark", NOON)
        intake, decider = (
            Intake(store, calm, lambda: policy),
            Decider(store, calm, calm, calm, lambda: policy),
        )
        storms = [storm(number) for number in range(STORMS)]
        storing = median(
            seconds_of(lambda alerts=alerts: intake.receive(Source.WEBHOOK, alerts).result())  # type: ignore[misc]
            for alerts in storms
        )
        deciding = []
        while store.waiting(1):
            deciding.append(seconds_of(decider.work))
        rollbacks = len(store.rollbacks(None, 10))
        store.close()
    decided, ratio = median(deciding), median(deciding) / storing
    say = sys.stdout.write
    say(f"{ALERTS} alerts: storing {storing * 1000:.1f} ms CPU, deciding {decided * 1000:.1f} ms CPU\n")
    say(f"ratio {ratio:.2f} (limit {LIMIT}), {rollbacks} rollback\n")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
