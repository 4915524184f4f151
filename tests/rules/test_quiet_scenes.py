"""What stays silent while a host is switched and after a rollback cured, with all rules together."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.routing import inhibited
from monitoring.yaml_text import read_yaml
from ruletools.house.scene import Active, Scene

CONFIG: dict[str, Any] = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text("utf-8"))


def target(metric: str, host: str, values: str, job: str = "mita-backend", more: str = "") -> dict[str, str]:
    labels = f'job="{job}",instance="{host}",host="{host}",env="prod",service="mita-backend"{more}'
    return {f"{metric}{{{labels}}}": values}


def daemon(metric: str, values: str, more: str = "", env: str = "prod") -> dict[str, str]:
    labels = f'job="mita-rollback",instance="monitor",host="monitor",env="{env}",service="mita-rollback"'
    return {f'{metric}{{{labels},application="mita-backend"{more}}}': values}


def switching(host: str, values: str, env: str = "prod") -> dict[str, str]:
    return daemon("mita_rollback_switching", values, f',target_host="{host}"', env)


def probe(host: str, values: str) -> dict[str, str]:
    return target("probe_success", host, values, "blackbox-http")


AWAY = target("up", "app1", "1x20 0x19 1x40") | probe("app1", "1x20 0x19 1x40")


def told(scene: Scene, until: str) -> set[str]:
    """Alerts about the instance or the endpoint that fire at any time."""
    return scene.about("BackendInstanceDown", "EndpointDown", "BackendMetricsBlind").ever_fired(until)


def test_a_host_that_is_switched_is_no_incident() -> None:
    """Away from 5m15s to 10m, switched from 5m to 10m30s."""
    assert told(Scene(AWAY | switching("app1", "0x19 1x21 0x40")), "20m") <= {"BackendMetricsBlind"}


@pytest.mark.parametrize(
    "other",
    [{}, switching("app2", "1x80"), switching("app1", "1x80", env="test"), switching("app1", "0x80")],
    ids=["no daemon", "another host", "another environment", "nothing is switched"],
)
def test_without_a_switch_of_this_very_host_it_is_one(other: dict[str, str]) -> None:
    assert told(Scene(AWAY | other), "20m") >= {"BackendInstanceDown", "EndpointDown"}


def test_a_switch_that_ends_with_the_host_away_is_told_as_soon_as_the_wait_allows() -> None:
    away = target("up", "app1", "1x20 0x60")
    scene = Scene(away | switching("app1", "0x19 1x21 0x40"))

    [alert] = scene.alerts("19m", "BackendInstanceDown")
    assert alert.firing_since == pytest.approx(10.5 * 60 + 60, abs=15)


def test_a_host_that_was_away_before_stays_told() -> None:
    scene = Scene(target("up", "app1", "1x10 0x70") | switching("app1", "0x39 1x21 0x20"))

    [alert] = scene.alerts("19m", "BackendInstanceDown")
    assert alert.firing_since == pytest.approx(2.75 * 60 + 60, abs=15)


def test_four_deployments_in_a_quarter_of_an_hour_are_no_crash_loop() -> None:
    starts = target("process_start_time_seconds", "app1", "1x8 2x9 3x9 4x9 5x60")
    deployed = switching("app1", "0x7 1x2 0x6 1x2 0x6 1x2 0x6 1x2 0x60")

    assert not Scene(starts | deployed).ever_fires("BackendRestartLoop", "20m")
    assert Scene(starts).ever_fires("BackendRestartLoop", "20m")


def test_triggers_are_never_silenced_by_a_switch() -> None:
    labels = ',path="/api/a",status="500"'
    failing = target("http_requests_total", "app1", "0+30x80", more=labels)

    assert Scene(failing | switching("app1", "1x80")).fires("CriticalErrorRate", "15m")


def errors(values: str) -> dict[str, str]:
    return target("http_requests_total", "app1", values, more=',path="/api/a",status="500"')


def requests(values: str) -> dict[str, str]:
    return target("http_requests_total", "app1", values, more=',path="/api/a",status="200"')


def paged(scene: Scene, at: str) -> set[str]:
    """Alerts of the application of which people are told at a moment: by severity, and not silenced."""
    firing = scene.alerts(at, state="firing")
    return {
        alert.name
        for alert in firing
        if alert.rule.severity in ("critical", "error")
        and alert.labels["service"] == "mita-backend"
        and not inhibited(CONFIG, routed(alert), [routed(each) for each in firing])
    }


def routed(alert: Active) -> dict[str, str]:
    return {**alert.labels, "alertname": alert.name}


# 35 % of 10 requests a second fail for four minutes from 60 min on; then the rollback cured it.
UP = target("up", "app1", "1x600")
CURED = UP | requests("0+150x240 36150+97x16 37702+150x300") | errors("0x240 0+53x16 848x300")
WITHOUT_A_ROLLBACK = Scene(CURED)
"""One for all tests: what it was asked it knows."""


def test_after_a_cure_nothing_pages_anew() -> None:
    """The rollback is accepted at 63 min, measured at 65, and the daemon is quiet until 75."""
    scene = Scene(CURED | daemon("mita_rollback_recovering", "0x251 1x48 0x300"))

    before = paged(scene, "1h4m")
    assert "CriticalErrorRate" in before
    for minute in range(108, 64, -2):
        assert paged(scene, f"{minute}m") <= {"CriticalErrorRate"}, minute


def test_without_a_rollback_the_same_pages_anew() -> None:
    moments = [f"{minute}m" for minute in range(108, 64, -2)]

    assert "SloAvailabilityFastBurn" in {name for at in moments for name in paged(WITHOUT_A_ROLLBACK, at)}


def test_a_quieter_alert_is_not_told_as_new_when_the_louder_one_ends() -> None:
    """Without a rollback: HighErrorRate fires from 66 min on, a minute after CriticalErrorRate ended."""
    moments = [f"{minute}m" for minute in range(108, 60, -1)]

    assert not any("HighErrorRate" in paged(WITHOUT_A_ROLLBACK, at) for at in moments)
    assert WITHOUT_A_ROLLBACK.fires("HighErrorRate", "67m")


@pytest.mark.long
def test_a_quieter_fault_that_goes_on_pages_by_its_budget() -> None:
    """35 % fail for four minutes, and one in ten from then on."""
    lasting = UP | requests("0+150x240 36150+97x16 37702+135x300") | errors("0x240 0+53x16 848+15x300")
    scene = Scene(lasting)

    assert scene.fires("HighErrorRate", "76m")
    assert paged(scene, "70m") == paged(scene, "76m") == {"SloAvailabilityFastBurn"}


@pytest.mark.long
def test_after_a_rollback_that_did_not_cure_everything_pages() -> None:
    """The daemon's series falls at once, and says that something is unresolved."""
    lasting = UP | requests("0+150x240 36150+97x200") | errors("0x240 0+53x200")
    verdict = daemon("mita_rollback_recovering", "0x251 1x8 0x300") | daemon(
        "mita_rollback_unresolved", "0x259 1x300", ',state="unverified"'
    )
    scene = Scene(lasting | verdict)

    assert paged(scene, "1h20m") == paged(Scene(lasting), "1h20m") >= {"CriticalErrorRate"}
    assert scene.fires("RollbackUnverified", "1h20m")


def test_a_daemon_that_dies_silences_nothing() -> None:
    recovering = daemon("mita_rollback_recovering", "0x251 1x10 stale")

    assert paged(Scene(CURED | recovering), "1h7m") == paged(WITHOUT_A_ROLLBACK, "1h7m")


def newborn(metric: str, job: str, instance: str, values: str, more: str = "") -> dict[str, str]:
    labels = f'job="{job}",instance="{instance}",host="{instance}",env="prod",service="{job}"{more}'
    return {f"{metric}{{{labels}}}": values}


# The first scrapes of a whole site; neither the application nor the daemon answers before minute 8.
BRING_UP = (
    newborn("up", "prometheus", "monitor", "1x60")
    | newborn("up", "alertmanager", "monitor", "1x60")
    | newborn("up", "node", "app1", "1x60")
    | newborn("up", "postgres", "data", "1x60")
    | newborn("pg_up", "postgres", "data", "1x60")
    | newborn("up", "redis", "data", "1x60")
    | newborn("redis_up", "redis", "data", "1x60")
    | newborn("up", "mita-backend", "app1", "0x32 1x28")
    | newborn("probe_success", "blackbox-http", "http://app1", "0x32 1x28")
    | newborn("up", "mita-rollback", "monitor", "0x32 1x28")
    | newborn("mita_rollback_last_watchdog_timestamp_seconds", "mita-rollback", "monitor", "_x33 495x28")
    | daemon("mita_rollback_known_good_available", "_x33 0x28")
    | daemon("mita_rollback_switching", "_x33 0x28", ',target_host="app1"')
    | newborn("user_registration_success_total", "mita-backend", "app1", "_x33 0x28")
    | newborn("http_requests_total", "mita-backend", "app1", "_x33 0x28", ',path="/a",status="200"')
    | newborn("prometheus_notifications_alertmanagers_discovered", "prometheus", "monitor", "0x4 1x56")
)


def test_a_healthy_installation_is_silent_from_its_first_minute() -> None:
    assert Scene(BRING_UP).ever_fired("15m") == {"Watchdog"}


def test_an_installation_that_never_comes_to_life_is_told_after_ten_minutes() -> None:
    dead = {series: values.replace("0x32 1x28", "0x60") for series, values in BRING_UP.items()}
    never = {series: values for series, values in dead.items() if not values.startswith("_")}

    assert Scene(never).ever_fired("15m") >= {"BackendInstanceDown", "EndpointDown", "RollbackDaemonDown"}


def test_a_fresh_daemon_is_silent_about_the_dead_man_switch() -> None:
    """The series says when the daemon started while it has heard nothing."""
    heard = 'mita_rollback_last_watchdog_timestamp_seconds{job="mita-rollback",instance="m"}'

    assert not Scene({heard: "_x8 120x30 570+15x40"}).ever_fires("RollbackPathSilent", "15m")
    assert Scene({heard: "_x8 120x80"}).ever_fires("RollbackPathSilent", "15m")
