"""What Prometheus is told: total from the start, and states that hold until something mends them."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.metrics import Metrics, ReloadState, Sources
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.consequences import Consequences
from rollback.domain.control import Cause, Freeze, Rehearsal
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.errors import StoreUnavailable
from rollback.domain.reasons import Reason, verdict_of
from rollback.domain.rollback import HostResult, HostState, Phase, Rollback, Verification, VerificationVerdict
from rollback.service.deciding import Decider
from rollback.service.intake import Intake

Found = dict[str, float]


class Scraped:
    """The metrics of a daemon whose time the test moves."""

    def __init__(self, store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> None:
        self.store, self.clock, self.make = store, clock, make
        self.probed: dict[str, dict[str, str]] = {}
        policy = make.policy()
        self._intake = Intake(store, clock, lambda: policy)
        self._decider = Decider(store, clock, monitoring, probes, lambda: policy)
        sources = Sources(
            store=store,
            monitoring=monitoring,
            clock=clock,
            policy=lambda: policy,
            probed=lambda: self.probed,
            reload_state=lambda: ReloadState(successful=True, succeeded_at=5.0),
            version="1.2.3",
        )
        self._sources = sources
        self.restart()

    def restart(self, **policy: Any) -> None:
        """The daemon's process begins anew, with the store that it had, and perhaps another policy."""
        found = replace(self._sources.policy(), **policy)
        self._metrics = Metrics(replace(self._sources, policy=lambda: found))

    def all(self) -> Found:
        lines = self._metrics.render()[0].decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}

    def of(self, name: str, labels: str = "") -> float | None:
        more = f",{labels}" if labels else ""
        return self.all().get(f'mita_rollback_{name}{{application="shop"{more}}}')

    def arrive(self, *alerts: Any, minutes: float = 5.0) -> None:
        self.clock.at = self.make_at(minutes)
        self._intake.receive(Source.WEBHOOK, alerts).result()
        self._decider.work()

    def make_at(self, minutes: float) -> Any:
        return self.make.alert(minutes=minutes).starts_at

    def end(self, phase: Phase, verdict: VerificationVerdict | None = None, **changes: Any) -> Rollback:
        """The active rollback ends now."""
        [active] = self.store.in_phase(Phase.PENDING)
        now = self.clock.now()
        verification = Verification(verdict=verdict, at=now) if verdict else None
        results = changes.pop("results", (HostResult(host="app1", state=HostState.DONE, at=now),))
        follows = changes.pop("follows", Consequences())
        after = replace(
            active,
            phase=phase,
            verification=verification,
            finished_at=now,
            changed_at=now,
            restored_at=now if verdict else None,
            results=results,
        )
        self.store.move(active, after, (), (), follows)
        return after


@pytest.fixture
def scraped(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Scraped:
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    return Scraped(store, clock, monitoring, probes, make)


def test_counters_exist_at_zero_before_anything_happens(scraped: Scraped) -> None:
    found = scraped.all()

    zeros = [
        *(
            f'mita_rollback_total{{application="shop",result="{r}",trigger="{t}"}}'
            for r in ("succeeded", "unverified", "failed", "called_off")
            for t in ("error_rate_threshold", "by_hand", "other")
        ),
        *(
            f'mita_rollback_verifications_total{{application="shop",verdict="{v}"}}'
            for v in VerificationVerdict
        ),
        'mita_rollback_requests_total{code="401",door="webhook"}',
        "mita_rollback_notices_waiting",
        *(
            f'mita_rollback_decisions_total{{application="{application}",reason="{reason}",'
            f'trigger="error_rate_threshold",verdict="{verdict_of(reason)}"}}'
            for reason in Reason
            for application in ("shop", "other")
        ),
    ]
    assert {name: found.get(name) for name in zeros} == dict.fromkeys(zeros, 0.0)
    assert found["mita_rollback_config_last_reload_successful"] == 1
    assert found["mita_rollback_config_last_reload_success_timestamp_seconds"] == 5


def test_how_long_rollbacks_take_is_counted(scraped: Scraped, make: Any) -> None:
    def counted() -> list[float]:
        found, name = scraped.all(), "mita_rollback_duration_seconds"
        buckets = (
            f'{name}_bucket{{application="shop",le="{each}",result="succeeded"}}'
            for each in ("30", "60", "+Inf")
        )
        return [found[each] for each in (*buckets, f'{name}_sum{{application="shop",result="succeeded"}}')]

    assert counted() == [0, 0, 0, 0]

    scraped.arrive(make.alert())
    scraped.clock.move(0.7)
    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)

    assert counted() == [0, 1, 1, 42]


def test_a_watchdog_that_was_never_heard_is_as_old_as_the_daemon(scraped: Scraped, make: Any) -> None:
    name = "mita_rollback_last_watchdog_timestamp_seconds"
    born = scraped.clock.now().timestamp()
    scraped.clock.move(3)

    assert scraped.all()[name] == born

    scraped.arrive(make.alert(labels={"rollback": "heartbeat"}), minutes=7)
    assert scraped.all()[name] == born + 7 * 60

    scraped.clock.move(60)
    scraped.restart()
    assert scraped.all()[name] == scraped.clock.now().timestamp()


def test_where_there_is_nothing_to_go_back_to_no_rehearsal_is_missing(scraped: Scraped, make: Any) -> None:
    make.live(scraped.store, "1", minutes=1, service="new")

    assert not [name for name in scraped.all() if 'rehearsal_timestamp_seconds{application="new"}' in name]

    make.live(scraped.store, "2", minutes=5, service="new")
    assert scraped.all()['mita_rollback_rehearsal_timestamp_seconds{application="new"}'] == 0


def test_every_state_of_a_service_is_told_from_the_start(scraped: Scraped) -> None:
    expected = {
        'switching{application="shop",target_host="app1"}': 0.0,
        'recovering{application="shop"}': 0.0,
        **{
            f'unresolved{{application="shop",state="{state}"}}': 0.0
            for state in ("failed", "unverified", "incomplete", "blind")
        },
        **{f'breaker_open{{application="shop",cause="{cause}"}}': 0.0 for cause in Cause},
        'frozen{application="shop"}': 0.0,
        'held{application="shop"}': 0.0,
        'proposals_open{application="shop"}': 0.0,
        'rehearsal_timestamp_seconds{application="shop"}': 0.0,
        'known_good_available{application="shop"}': 1.0,
        'release_known{application="shop"}': 1.0,
        'in_progress{application="shop"}': 0.0,
        'started_timestamp_seconds{application="shop"}': 0.0,
    }
    found = scraped.all()

    assert {name: found.get("mita_rollback_" + name) for name in expected} == expected
    assert not [name for name in found if "rehearsal_ok" in name]


def test_a_service_waits_for_its_first_release_until_one_is_live(scraped: Scraped, make: Any) -> None:
    scraped.probed = {"shop": {"app1": ""}, "new": {"app1": ""}}
    known = 'mita_rollback_release_known{application="new"}'
    assert scraped.all()[known] == 0

    make.live(scraped.store, "1", minutes=5, service="new")
    assert scraped.all()[known] == 1


def test_what_happened_is_counted_and_shown_per_application(scraped: Scraped, make: Any) -> None:
    make.live(scraped.store, "1", minutes=-60, service="bank")
    scraped.arrive(make.alert())

    counted = 'reason="accepted",trigger="error_rate_threshold",verdict="roll_back"'
    assert scraped.of("decisions_total", counted) == 1
    assert scraped.of("in_progress") == 1
    assert scraped.of("started_timestamp_seconds") == scraped.clock.now().timestamp()

    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)

    found = scraped.all()
    asked = 'result="succeeded",trigger="error_rate_threshold"'
    assert scraped.of("total", asked) == 1
    assert found[f'mita_rollback_total{{application="bank",{asked}}}'] == 0
    assert scraped.of("verifications_total", 'verdict="fixed"') == 1
    assert found['mita_rollback_verifications_total{application="bank",verdict="fixed"}'] == 0


def test_rollback_by_hand_and_one_counted_before_triggers_were_noted_are_not_lost(
    scraped: Scraped, make: Any, tmp_path: Path
) -> None:
    scraped.arrive(make.alert())
    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)
    with sqlite3.connect(tmp_path / "rollback.db") as connection:
        connection.execute("UPDATE decisions SET rollback_trigger = ''")
        old = ("rollbacks", '["shop","failed"]', 3)
        connection.execute("INSERT INTO tallies (name, key, count) VALUES (?, ?, ?)", old)

    assert scraped.of("total", 'result="succeeded",trigger="by_hand"') == 1
    assert scraped.of("total", 'result="failed",trigger="other"') == 3


def test_what_happened_in_an_environment_of_before_is_still_counted(scraped: Scraped, make: Any) -> None:
    """Another name of the environment must not make counters fall."""
    scraped.arrive(make.alert())
    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)

    scraped.restart(environment="renamed")

    found = scraped.all()
    asked = 'result="succeeded",trigger="error_rate_threshold"'
    assert found[f'mita_rollback_total{{application="other",{asked}}}'] == 1
    assert found['mita_rollback_verifications_total{application="other",verdict="fixed"}'] == 1


@pytest.mark.parametrize(
    ("label", "series"),
    [
        (
            "rollback_trigger",
            'application="shop",reason="unknown_trigger",trigger="other",verdict="ignore"',
        ),
        (
            "service",
            'application="other",reason="no_deployment_in_window",trigger="error_rate_threshold",verdict="ignore"',
        ),
    ],
)
def test_names_that_only_alerts_have_share_one_series(
    scraped: Scraped, make: Any, label: str, series: str
) -> None:
    names = [f"made-up-{number}" for number in range(3)]
    scraped.arrive(*(make.alert(fingerprint=n, labels={label: n}) for n in names))

    found = scraped.all()

    assert found[f"mita_rollback_decisions_total{{{series}}}"] == 3
    assert not [name for name in found if "made-up" in name]


def test_the_clock_tells_the_daemons_time(scraped: Scraped) -> None:
    scraped.clock.move(3)

    assert scraped.all()["mita_rollback_clock_seconds"] == scraped.clock.now().timestamp()


def test_services_of_another_environment_are_not_told(scraped: Scraped, make: Any) -> None:
    make.live(scraped.store, "9", minutes=1, service="bank", env="staging")

    assert not [name for name in scraped.all() if 'application="bank"' in name]


def test_a_host_is_switched_while_its_deployment_lives_and_no_longer(scraped: Scraped, make: Any) -> None:
    scraped.probed = {"shop": {"app9": "http://app9"}}
    scraped.clock.move(20)
    started = scraped.store.start_deployment(make.new("3", hosts=("app1", "app2")), scraped.clock.now())

    def switching() -> list[float | None]:
        return [scraped.of("switching", f'target_host="{host}"') for host in ("app1", "app2", "app9")]

    assert switching() == [1, 1, 0]
    scraped.clock.move(15)
    assert switching() == [0, 0, 0], "longer than deployment_timeout: it is dead"
    scraped.clock.move(-10)
    scraped.store.finish_deployment(started.id, Outcome.LIVE, "", scraped.clock.now())
    assert switching() == [0, 0, 0]


def test_a_rollback_switches_every_host_until_they_are_restored(scraped: Scraped, make: Any) -> None:
    scraped.probed = {"shop": {"app2": "http://app2"}}
    scraped.arrive(make.alert())

    assert scraped.of("switching", 'target_host="app1"') == 1
    assert scraped.of("switching", 'target_host="app2"') == 1
    [active] = scraped.store.in_phase(Phase.PENDING)
    running = replace(active, phase=Phase.RUNNING, attempt=1)
    scraped.store.move(active, running, ())
    now = scraped.clock.now()
    verifying = replace(running, phase=Phase.VERIFYING, restored_at=now)
    scraped.store.move(running, verifying, ())
    assert scraped.of("switching", 'target_host="app1"') == 0
    assert scraped.of("recovering") == 1


def test_a_rollback_that_hangs_no_longer_counts_as_switching(scraped: Scraped, make: Any) -> None:
    scraped.arrive(make.alert())

    scraped.clock.move(15)

    assert scraped.of("switching", 'target_host="app1"') == 0


@pytest.mark.parametrize(
    ("phase", "verdict", "quiet"),
    [
        (Phase.SUCCEEDED, VerificationVerdict.FIXED, 1),
        (Phase.UNVERIFIED, VerificationVerdict.NOT_FIXED, 0),
        (Phase.UNVERIFIED, VerificationVerdict.BLIND, 0),
        (Phase.FAILED, None, 0),
        (Phase.CALLED_OFF, None, 0),
    ],
)
def test_quieter_alerts_rest_only_after_a_cure(
    scraped: Scraped, make: Any, phase: Phase, verdict: VerificationVerdict | None, quiet: float
) -> None:
    scraped.arrive(make.alert())
    assert scraped.of("recovering") == 1

    scraped.end(phase, verdict)

    assert scraped.of("recovering") == quiet
    scraped.clock.move(9.9)
    assert scraped.of("recovering") == quiet
    scraped.clock.move(0.2)
    assert scraped.of("recovering") == 0


def test_a_repair_says_nothing_about_the_service(scraped: Scraped, make: Any) -> None:
    scraped.arrive(make.alert())
    ended = scraped.end(Phase.UNVERIFIED, VerificationVerdict.NOT_FIXED)

    scraped.store.start_repair(ended, ("app2",), scraped.clock.now())

    assert scraped.of("recovering") == 0
    assert scraped.of("switching", 'target_host="app2"') == 1
    assert scraped.of("switching", 'target_host="app1"') == 0
    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED)
    assert scraped.of("recovering") == 0, "one host is well, the service was not"


@pytest.mark.parametrize(
    ("phase", "verdict", "state"),
    [
        (Phase.FAILED, None, "failed"),
        (Phase.UNVERIFIED, VerificationVerdict.NOT_FIXED, "unverified"),
        (Phase.UNVERIFIED, VerificationVerdict.WORSE, "unverified"),
        (Phase.UNVERIFIED, VerificationVerdict.BLIND, "blind"),
    ],
)
def test_a_bad_end_stays_until_a_person_takes_it_over(
    scraped: Scraped, make: Any, phase: Phase, verdict: VerificationVerdict | None, state: str
) -> None:
    scraped.arrive(make.alert())
    ended = scraped.end(phase, verdict)

    def told() -> list[str]:
        states = ("failed", "unverified", "incomplete", "blind")
        return [name for name in states if scraped.of("unresolved", f'state="{name}"') == 1]

    assert told() == [state]
    scraped.clock.move(24 * 60)
    assert told() == [state]
    scraped.store.acknowledge(ended.id, "ann", "", scraped.clock.now())
    assert told() == []


def test_a_host_that_waits_keeps_a_cure_incomplete(scraped: Scraped, make: Any) -> None:
    scraped.arrive(make.alert())
    now = scraped.clock.now()
    results = (
        HostResult(host="app1", state=HostState.DONE, at=now),
        HostResult(host="app2", state=HostState.UNREACHABLE, at=now),
    )

    scraped.end(Phase.SUCCEEDED, VerificationVerdict.FIXED, results=results)

    assert scraped.of("unresolved", 'state="incomplete"') == 1
    assert scraped.of("unresolved", 'state="failed"') == 0


def test_an_open_breaker_says_why_and_closes_by_a_persons_word(scraped: Scraped, make: Any) -> None:
    scraped.arrive(make.alert())
    follows = Consequences(cause=Cause.FRUITLESS, why="it did not help")
    scraped.end(Phase.UNVERIFIED, VerificationVerdict.NOT_FIXED, follows=follows)

    assert scraped.of("breaker_open", 'cause="fruitless"') == 1
    assert scraped.of("breaker_open", 'cause="repeated"') == 0
    scraped.store.close_breaker("shop", "production", "ann", "", scraped.clock.now())
    assert scraped.of("breaker_open", 'cause="fruitless"') == 0


@pytest.mark.parametrize("service", ["shop", ""])
def test_a_freeze_is_shown_until_its_end(scraped: Scraped, service: str) -> None:
    now = scraped.clock.now()
    scraped.store.freeze(
        Freeze(
            id=0,
            service=service,
            env="production",
            reason="move",
            by="ann",
            since=now,
            until=now + timedelta(minutes=5),
        )
    )

    assert scraped.of("frozen") == 1
    scraped.clock.move(5)
    assert scraped.of("frozen") == 0


def test_rehearsals_are_shown_per_host_with_the_oldest_of_their_times(scraped: Scraped) -> None:
    now = scraped.clock.now()
    found = (
        Rehearsal(host="app1", ok=True, at=now),
        Rehearsal(host="app2", ok=False, at=now - timedelta(minutes=3), detail="no key"),
    )
    scraped.store.rehearsed("shop", "production", found, ("app1", "app2"))

    assert scraped.of("rehearsal_ok", 'target_host="app1"') == 1
    assert scraped.of("rehearsal_ok", 'target_host="app2"') == 0
    assert scraped.of("rehearsal_timestamp_seconds") == now.timestamp() - 180


def test_what_waits_for_evidence_or_a_person_is_counted(scraped: Scraped, monitoring: Any, make: Any) -> None:
    monitoring.blind = True
    scraped.arrive(make.alert())
    assert (scraped.of("held"), scraped.of("proposals_open")) == (1, 0)

    monitoring.blind = False
    scraped.arrive(make.alert(fingerprint="f2", labels={"rollback": "propose"}), minutes=6)
    assert scraped.of("proposals_open") == 1


@pytest.mark.parametrize(
    ("earlier", "live", "available"),
    [
        (Standing.GOOD, Standing.UNPROVEN, 1),
        (Standing.REJECTED, Standing.GOOD, 1),
        (Standing.UNPROVEN, Standing.UNPROVEN, 0),
        (Standing.SUSPECT, Standing.UNPROVEN, 0),
    ],
)
def test_a_site_with_a_good_release_is_at_rest_even_when_it_is_the_live_one(
    scraped: Scraped, earlier: Standing, live: Standing, available: float
) -> None:
    now = scraped.clock.now()
    scraped.store.mark_release("shop", "production", "1", earlier, "test", now)
    scraped.store.mark_release("shop", "production", "2", live, "test", now)

    assert scraped.of("known_good_available") == available


def test_a_database_that_fails_is_said_and_nothing_is_made_up(scraped: Scraped, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rollback.db") as connection:
        connection.execute("DROP TABLE notices")

    found = scraped.all()

    assert found["mita_rollback_store_up"] == 0
    assert not [name for name in found if "application=" in name]


def test_loops_that_fail_and_the_last_write_are_told_though_the_database_is_away(
    scraped: Scraped, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise StoreUnavailable

    monkeypatch.setattr(scraped.store, "tally", away)
    sources = replace(scraped._sources, failing=lambda: {"decide": True, "tell": False}, written=lambda: 7.0)
    scraped._metrics = Metrics(sources)

    found = scraped.all()

    assert found['mita_rollback_loop_failing{loop="decide"}'] == 1
    assert found['mita_rollback_loop_failing{loop="tell"}'] == 0
    assert found["mita_rollback_store_written_timestamp_seconds"] == 7
    assert found["mita_rollback_store_up"] == 0


def test_a_reason_of_a_newer_version_ends_no_scrape(scraped: Scraped, tmp_path: Path) -> None:
    scraped.arrive(scraped.make.alert())
    with sqlite3.connect(tmp_path / "rollback.db") as other:
        other.execute("UPDATE decisions SET reason = 'premonition'")

    found = scraped.all()

    assert sum(n for name, n in found.items() if name.startswith("mita_rollback_decisions_total")) == 0
    assert found["mita_rollback_store_up"] == 1
