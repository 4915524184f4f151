"""Small inputs that once went wrong, through the real rules: what fires, and is it enough to act on?

"Left alone" means that no moment at which the trigger fires finds evidence above 0; the rest of what keeps
the daemon from acting is its own and tested there.
"""

from collections.abc import Iterable

import pytest

from ruletools.errors import RulesError
from ruletools.house.scene import Scene

BACKEND = 'job="mita-backend",env="prod",service="mita-backend"'
MINUTE, HOUR = 60, 3600


def counter(moments: Iterable[float], until: float, step: int = 15) -> str:
    """A counter in promtool's notation that goes up by one at each of the moments, in seconds."""
    when = sorted(moments)
    return " ".join(str(sum(1 for each in when if each <= at)) for at in range(0, int(until) + 1, step))


def every(seconds: float, start: float, end: float) -> list[float]:
    count = int((end - start) / seconds)
    return [start + number * seconds for number in range(1, count + 1)]


def requests(instance: str, status: str, values: str, path: str = "/api/a") -> dict[str, str]:
    return {f'http_requests_total{{{BACKEND},instance="{instance}",path="{path}",status="{status}"}}': values}


def slow_and_fast(instance: str, slow: str, total: str) -> dict[str, str]:
    """*slow* counts the requests that need two seconds, *total* those that need 0.1 s."""
    fast = [int(each) for each in total.split()]
    late = [int(each) for each in slow.split()]
    whole = " ".join(str(a + b) for a, b in zip(fast, late, strict=True))
    series = f'http_request_duration_seconds_bucket{{{BACKEND},instance="{instance}",path="/api/a",le="%s"}}'
    buckets = {"0.1": total, "0.4": total, "1.0": total, "2.5": whole, "+Inf": whole}
    return {series % le: values for le, values in buckets.items()}


def own(metric: str, values: str, instance: str = "app1", more: str = "") -> dict[str, str]:
    return {f'{metric}{{{BACKEND},instance="{instance}"{more}}}': values}


def redis(instance: str, clients: str, up: str = "1x500") -> dict[str, str]:
    labels = f'job="redis",instance="{instance}",host="{instance}",env="prod",service="mita-backend"'
    return {f"redis_connected_clients{{{labels}}}": clients, f"redis_up{{{labels}}}": up}


# --- failed requests


def test_two_failed_requests_in_the_night_fire_and_are_not_enough() -> None:
    """A deployment at 60 min, failures at 65 and 66.5; one request a minute."""
    end, at = 90 * MINUTE, 60 * MINUTE
    scene = Scene(
        requests("app1", "200", counter(every(60, 0, end), end))
        | requests("app1", "500", counter([at + 5 * MINUTE, at + 6.5 * MINUTE], end))
    )

    assert scene.ever_fires("CriticalErrorRate", "90m")
    assert scene.enough("CriticalErrorRate", "90m") == []


@pytest.mark.parametrize("failures", [3, 4])
def test_a_few_more_at_the_same_pace_are_not_enough_either(failures: int) -> None:
    end, at = 90 * MINUTE, 60 * MINUTE
    bad = [at + 5 * MINUTE + 90 * number for number in range(failures)]
    scene = Scene(
        requests("app1", "200", counter(every(60, 0, end), end)) | requests("app1", "500", counter(bad, end))
    )

    assert scene.enough("CriticalErrorRate", "90m") == []


@pytest.mark.parametrize(("rate", "share"), [(1, 0.35), (0.5, 0.35), (1, 0.25), (30, 0.22)])
def test_a_release_that_fails_a_part_of_modest_traffic_is_enough_when_it_fires(
    rate: float, share: float
) -> None:
    """From the first moment on at which the alert fires."""
    per_sample = rate * 15
    scene = Scene(
        requests("app1", "200", f"0+{per_sample}x40 {per_sample * 40}+{per_sample * (1 - share)}x60")
        | requests("app1", "500", f"0x40 0+{per_sample * share}x60")
    )

    [alert] = scene.alerts("20m", "CriticalErrorRate")
    assert scene.enough("CriticalErrorRate", "20m")[0] == alert.firing_since
    assert scene.ask(alert, "verify", "20m") is None  # nobody says which version runs
    assert alert.pending_since < (alert.firing_since or 0)


def test_nobody_knows_where_nothing_is_counted() -> None:
    scene = Scene(own("up", "1x80"))

    assert scene.value('mita:http_errors_evidence:increase5m{service="mita-backend"}', "10m") is None


def test_one_process_that_counts_in_nan_hides_no_error() -> None:
    scene = Scene(
        requests("app1", "200", "0+105x80")
        | requests("app1", "500", "0+45x80")
        | requests("app2", "200", "0+105x80")
        | requests("app2", "500", "NaN+0x80")
    )

    assert scene.fires("CriticalErrorRate", "15m")
    assert scene.enough("CriticalErrorRate", "15m")


def test_a_route_of_users_that_begins_like_a_probe_counts() -> None:
    scene = Scene(
        requests("app1", "200", "0+50x60") | requests("app1", "500", "0+100x60", "/healthcare/claims")
    )

    assert scene.fires("CriticalErrorRate", "10m")
    assert scene.enough("CriticalErrorRate", "10m")


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/metrics"])
def test_a_probe_does_not(path: str) -> None:
    scene = Scene(requests("app1", "200", "0+50x60") | requests("app1", "500", "0+100x60", path))

    assert not scene.ever_fires("CriticalErrorRate", "15m")


# --- slow requests


def test_two_slow_requests_in_the_night_fire_and_are_not_enough() -> None:
    end = 40 * MINUTE
    total, slow = counter(every(60, 0, end), end), counter([20 * MINUTE + 10, 21.5 * MINUTE + 10], end)
    scene = Scene(slow_and_fast("app1", slow, total))

    assert scene.ever_fires("CriticalP95Latency", "40m")
    assert scene.enough("CriticalP95Latency", "40m") == []


@pytest.mark.parametrize(("pause", "nth"), [(1, 10), (1, 3), (0.1, 12)])
def test_a_release_that_slows_a_part_of_modest_traffic_is_enough(pause: float, nth: int) -> None:
    end, begins = 20 * MINUTE, 10 * MINUTE
    slow = counter(every(pause * nth, begins, end), end)
    scene = Scene(slow_and_fast("app1", slow, counter(every(pause, 0, end), end)))

    [alert] = scene.alerts("20m", "CriticalP95Latency")
    assert scene.enough("CriticalP95Latency", "20m")[0] == alert.firing_since


# --- registrations


def registrations(attempts: list[float], successes: list[float], end: float) -> Scene:
    traffic = requests("app1", "200", counter(every(15, 0, end), end))
    return Scene(
        traffic
        | own("user_registration_attempts_total", counter(attempts, end))
        | own("user_registration_success_total", counter(successes, end))
    )


SUCCESSES = every(8 * MINUTE, 0, 58 * MINUTE)  # the last one at 56 min, four before the deployment


@pytest.mark.parametrize("attempts", [[], [61 * MINUTE + 100 * n for n in range(5)]], ids=["none", "five"])
def test_a_night_in_which_nobody_registers_is_left_alone(attempts: list[float]) -> None:
    end = 90 * MINUTE
    scene = registrations(SUCCESSES + attempts, SUCCESSES, end)

    assert scene.ever_fires("UserRegistrationDown", "90m")
    assert scene.enough("UserRegistrationDown", "90m") == []


def test_people_who_try_and_fail_are_enough_when_it_fires() -> None:
    end = 90 * MINUTE
    scene = registrations(SUCCESSES + every(45, 60 * MINUTE, end), SUCCESSES, end)

    [alert] = scene.alerts("80m", "UserRegistrationDown")
    assert scene.enough("UserRegistrationDown", "80m")[0] == alert.firing_since


def test_a_restart_of_the_process_keeps_attempts_and_successes_apart() -> None:
    """Counters that begin anew with the release: nobody tried since."""
    scene = Scene(
        own("user_registration_attempts_total", "40+1x40 0x120")
        | own("user_registration_success_total", "40+1x40 0x120")
    )

    assert scene.ever_fires("UserRegistrationDown", "35m")
    assert scene.enough("UserRegistrationDown", "35m") == []


def test_the_first_deployment_ever_has_ten_minutes() -> None:
    scene = Scene(own("user_registration_success_total", "0x239"))

    assert not scene.ever_fires("UserRegistrationDown", "14m45s")


# --- transactions


def transactions(errors: str, total: str) -> Scene:
    return Scene(
        own("transaction_processing_errors_total", errors) | own("transaction_processing_total", total)
    )


def test_a_few_failures_among_very_many_transactions_are_left_alone() -> None:
    end = 30 * MINUTE
    scene = transactions(counter(every(45, 10 * MINUTE, end), end), "0+150x120")

    assert scene.ever_fires("TransactionProcessingFailure", "30m")
    assert scene.enough("TransactionProcessingFailure", "30m") == []


@pytest.mark.parametrize(("bad", "all_"), [(15, 150), (1, 3)])
def test_a_tenth_of_them_or_a_third_of_few_is_enough_when_it_fires(bad: int, all_: int) -> None:
    scene = transactions(f"0x40 0+{bad}x60", f"0+{all_}x100")

    [alert] = scene.alerts("20m", "TransactionProcessingFailure")
    assert scene.enough("TransactionProcessingFailure", "20m")[0] == alert.firing_since


def test_failures_of_which_nobody_counts_the_whole_are_unknown() -> None:
    scene = Scene(own("transaction_processing_errors_total", "0+3x100"))

    [alert] = scene.alerts("20m", "TransactionProcessingFailure")
    assert scene.ask(alert, "evidence", "20m") is None


# --- the cache

BUSY = requests("app1", "200", "0+15x500") | requests("app2", "200", "0+15x500")


@pytest.mark.parametrize(
    "traffic", [BUSY, requests("app1", "200", "0x500"), {}], ids=["busy", "idle", "unknown"]
)
def test_a_pool_that_connects_two_minutes_after_a_restart_is_left_alone(traffic: dict[str, str]) -> None:
    scene = Scene(redis("cache", "9x80 1x7 9x60") | traffic)

    assert scene.ever_fires("RedisConnectionFailure", "30m")
    assert scene.enough("RedisConnectionFailure", "30m") == []


def test_a_cache_that_lost_its_clients_while_requests_are_served_is_enough_within_three_minutes() -> None:
    scene = Scene(redis("cache", "9x80 1x100") | redis("replica", "1x200") | BUSY)

    [alert] = scene.alerts("40m", "RedisConnectionFailure")
    assert alert.labels["instance"] == "cache"
    assert scene.enough("RedisConnectionFailure", "40m")[0] <= alert.pending_since + 3 * MINUTE
    assert scene.ask(alert, "verify", "20m") == 1  # while it had clients
    assert scene.ask(alert, "verify", "40m") == 0


def test_served_requests_that_cannot_be_believed_are_no_evidence() -> None:
    in_turn = requests("app3", "200", "0 90 " * 90)
    scene = Scene(redis("cache", "9x80 1x100") | redis("replica", "1x200") | BUSY | in_turn)

    [alert] = scene.alerts("40m", "RedisConnectionFailure")
    assert scene.ask(alert, "evidence", "40m") is None


def test_a_cache_that_nobody_serves_requests_with_is_not() -> None:
    scene = Scene(redis("cache", "9x80 1x100") | requests("app1", "200", "0+15x80 1200x100"))

    assert scene.enough("RedisConnectionFailure", "45m") == []


def test_a_healthy_replica_that_nobody_uses_is_silent() -> None:
    scene = Scene(redis("replica", "1x200") | redis("visited", "1x40 2x4 1x200") | BUSY)

    assert not scene.ever_fires("RedisConnectionFailure", "50m")


# --- what the application says of itself


def health(values: str, instance: str = "app1") -> dict[str, str]:
    return own("mita_middleware_health_status", values, instance)


def database(values: str) -> dict[str, str]:
    return own("mita_middleware_component_response_time_ms", values, more=',component="database"')


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("MitaSystemUnhealthy", health("1x20 0 _x60")),
        ("MitaSystemUnhealthy", health("1x20 0 _x60") | health("1x80", "app2")),
        ("MitaDatabaseConnectionIssues", database("10x20 6000 _x60")),
    ],
)
def test_one_sample_that_nobody_renewed_is_not_enough(name: str, series: dict[str, str]) -> None:
    scene = Scene(series)

    assert scene.ever_fires(name, "15m")
    assert scene.enough(name, "15m") == []


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("MitaSystemUnhealthy", health("1x20 0x40") | health("1x60", "app2")),
        ("MitaSystemUnhealthy", health("1x20 0x40") | health("NaN+0x60", "app2")),
        ("MitaDatabaseConnectionIssues", database("10x20 6000x40")),
    ],
)
def test_scrapes_that_agree_are_enough_when_it_fires(name: str, series: dict[str, str]) -> None:
    scene = Scene(series)

    [alert] = scene.alerts("10m", name)
    assert scene.enough(name, "10m")[0] == alert.firing_since


# --- what is gone, and what comes and goes


def up(job: str, values: str, instance: str = "a", service: str = "") -> dict[str, str]:
    labels = f'job="{job}",instance="{instance}",host="{instance}",env="prod",service="{service or job}"'
    return {f"up{{{labels}}}": values}


def test_jobs_whose_targets_vanish_are_told_one_by_one() -> None:
    gone = dict.fromkeys(("node", "postgres", "redis"), f"1x40 stale _x{40}")
    scene = Scene(
        own("up", "1x100") | {k: v for job, values in gone.items() for k, v in up(job, values).items()}
    )

    alerts = scene.alerts("20m", "TargetsMissing")
    assert sorted(alert.labels["job"] for alert in alerts) == sorted(gone)
    assert all(alert.state == "firing" for alert in alerts)


def test_a_host_that_left_the_inventory_is_missed_by_nobody() -> None:
    expected = 'job:targets:expected{job="node",service="node",env="prod"}'
    scene = Scene(up("node", "1x300") | up("node", "1x40 stale", "b") | {expected: "2x41 1x260"})

    assert not scene.ever_fires("TargetsMissing", "70m")


def test_a_release_that_exports_requests_and_no_longer_what_it_sells_is_told() -> None:
    names = ("user_registration_success_total", "transaction_processing_total", "revenue_processing_total")
    scene = Scene(
        requests("app1", "200", "0+15x160")
        | {k: v for name in names for k, v in own(name, "0+1x60 stale").items()}
    )

    alerts = scene.alerts("30m", "ContractSeriesMissing")
    assert sorted(alert.labels["series"] for alert in alerts) == sorted(names)
    assert all((alert.firing_since or 0) <= 30 * MINUTE for alert in alerts)


def test_an_application_that_never_had_a_series_misses_none() -> None:
    assert not Scene(requests("app1", "200", "0+15x160")).ever_fires("ContractSeriesMissing", "40m")


def pattern(values: str, repeated: int) -> str:
    return " ".join(["1"] * 60 + values.split() * repeated)


@pytest.mark.parametrize(
    ("alert", "job", "metric", "values", "within"),
    [
        ("PostgresFlapping", "postgres", "pg_up", "1 1 0 0", 15),
        ("PostgresFlapping", "postgres", "pg_up", "1 1 1 0", 15),
        ("PostgresFlapping", "postgres", "pg_up", "1 " * 17 + "0 0 0", 15),
        ("RedisFlapping", "redis", "redis_up", "1 1 0 0", 15),
        ("HostFlapping", "node", "up", "1" + " 0" * 7, 5),
        ("BackendInstanceFlapping", "mita-backend", "up", "1 0", 5),
        ("BackendInstanceFlapping", "mita-backend", "up", "1 1 1 0 0", 10),
        ("EndpointFlapping", "blackbox-http", "probe_success", "1 1 0 0 0 0", 5),
    ],
)
def test_what_comes_and_goes_is_told(alert: str, job: str, metric: str, values: str, within: int) -> None:
    labels = f'job="{job}",instance="a",host="a",env="prod",service="mita-backend"'
    scene = Scene({f"{metric}{{{labels}}}": pattern(values, 240 // len(values.split()))})

    [found] = scene.alerts("60m", alert)
    assert found.state == "firing"
    assert (found.firing_since or 0) <= 15 * MINUTE + within * MINUTE


def test_one_restart_is_told_by_nobody_afterwards() -> None:
    """Away for half a minute, as a host is that reboots or an instance that is deployed."""
    once = "1x60 0 0 1x100"
    series = up("node", once) | up("mita-backend", once, "app1") | redis("cache", "9x170", once)
    series |= {'pg_up{job="postgres",instance="db",host="db",env="prod",service="mita-backend"}': once}

    assert not {name for name in Scene(series).ever_fired("40m") if name.endswith("Flapping")}


def test_a_crash_loop_that_says_nothing_of_its_process_pages() -> None:
    loop = " ".join(["1", "0"] * 60)
    scene = Scene(own("up", loop) | own("up", loop, "app2"))

    assert {a.labels["instance"] for a in scene.alerts("20m", "BackendInstanceFlapping")} == {"app1", "app2"}
    assert scene.enough("BackendInstanceFlapping", "20m")


def test_a_certificate_whose_probe_fails_now_and_then_still_expires() -> None:
    labels = 'job="blackbox-http",instance="https://a/",host="a",env="prod",service="mita-backend"'
    scene = Scene({f"probe_ssl_earliest_cert_expiry{{{labels}}}": "90000 _x3 stale _x6 " * 30})

    assert scene.fires("TlsCertExpiryCritical", "60m")


# --- all of them


def test_the_lab_at_time_scale_fifteen_needs_as_much() -> None:
    """A scrape a second, thirty requests a second, of which 35 % fail: windows are scaled, counts are not."""
    scene = Scene(
        requests("app1", "200", "0+15x60 900+10x60") | requests("app1", "500", "0x60 0+5x60"),
        interval="1s",
        time_scale=15,
    )

    [alert] = scene.alerts("90s", "CriticalErrorRate")
    assert scene.enough("CriticalErrorRate", "90s")[0] == alert.firing_since


def test_several_samples_where_one_is_expected_are_an_error() -> None:
    scene = Scene(own("up", "1x5") | own("up", "1x5", "app2"))

    assert len(scene.samples("up", "1m")) == 2
    with pytest.raises(RulesError, match="expected one sample of up at 1m"):
        scene.value("up", "1m")


def test_what_promtool_refuses_is_said() -> None:
    with pytest.raises(RulesError, match="expected an answer of promtool"):
        Scene({"up": "1y5"}).value("up", "1m")


def test_a_scene_of_some_alerts_evaluates_them_with_their_evidence_and_no_others() -> None:
    series = requests("app1", "200", "0+60x40") | requests("app1", "500", "0+60x40")
    all_of_them, one = Scene(series), Scene(series, only=frozenset({"CriticalErrorRate"}))

    assert {"HighErrorRate", "CriticalErrorRate"} <= all_of_them.firing("8m")
    assert one.firing("8m") == {"CriticalErrorRate"}
    assert one.enough("CriticalErrorRate", "8m") == all_of_them.enough("CriticalErrorRate", "8m") != []
