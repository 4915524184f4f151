"""Disasters in which no request fails, and ordinary days that look like them, through the real rules.

What takes days is in traffic_days.test.yml and traffic_week.test.yml.
"""

import pytest

from ruletools.house.scene import Scene

BACKEND = 'job="mita-backend",env="prod",service="mita-backend"'
MINUTE = 60
TRAFFIC = {
    "ClientErrorsSurge",
    "RequestsStuck",
    "TrafficLost",
    "TrafficDropAfterDeploy",
    "AllInstancesFailing",
}


def own(metric: str, values: str, instance: str = "app1", more: str = "") -> dict[str, str]:
    return {f'{metric}{{{BACKEND},instance="{instance}"{more}}}': values}


def answers(status: str, values: str, path: str = "/api/a", instance: str = "app1") -> dict[str, str]:
    return own("http_requests_total", values, instance, f',path="{path}",status="{status}"')


def steady(*pieces: tuple[float, float], step: int = 15) -> str:
    """A counter: so many requests a second, for so many minutes, one piece after the other."""
    text, total = [], 0.0
    for rate, minutes in pieces:
        for _ in range(int(minutes * 60 / step)):
            text.append(f"{total:.0f}")
            total += rate * step
    return " ".join([*text, f"{total:.0f}"])


def falling(first: float, last: float, minutes: int) -> list[tuple[float, float]]:
    return [(first - (first - last) * at / minutes, 1) for at in range(minutes)]


def fired(scene: Scene, until: str) -> set[str]:
    return scene.about(*TRAFFIC).ever_fired(until)


# --- everybody is refused


@pytest.mark.parametrize(
    ("status", "path"),
    [("404", "unmatched"), ("422", "/api/a"), ("401", "/api/a"), ("4xx", "/api/a")],
)
@pytest.mark.parametrize("rate", [10, 1])
def test_a_release_that_refuses_everybody_is_told_and_stays_told(status: str, path: str, rate: int) -> None:
    series = answers("200", steady((rate, 20), (0, 100))) | answers(
        status, f"_x80 {steady((rate, 100))}", path
    )
    scene = Scene(series, only=frozenset({"ClientErrorsSurge", "mita:http_client_error_ratio:rate1m"}))

    [alert] = scene.alerts("28m", "ClientErrorsSurge")
    assert alert.firing_since is not None and alert.firing_since <= 27 * MINUTE
    assert scene.fires("ClientErrorsSurge", "1h50m")
    assert scene.ask(alert, "evidence", "28m") == 1
    assert scene.ask(alert, "verify", "28m") == 0
    assert scene.ask(alert, "verify", "15m") == 1


@pytest.mark.parametrize(
    "series",
    [
        answers("200", steady((10, 90))) | answers("404", steady((1, 90)), "unmatched"),
        answers("200", steady((3, 90))) | answers("404", steady((7, 90))),
        answers("200", steady((10, 90))) | answers("401", steady((0, 30), (30, 60)), "/api/login"),
        answers("200", steady((0.1, 30), (0, 60))) | answers("404", steady((0, 30), (0.1, 60))),
        answers("200", steady((10, 30), *falling(10, 1.5, 60), (1.5, 30)))
        | answers("404", steady((1, 120)), "unmatched"),
    ],
    ids=["scanners", "always so", "guessed passwords", "few requests", "scanners in the evening"],
)
def test_client_errors_of_an_ordinary_day_are_silent(series: dict[str, str]) -> None:
    assert fired(Scene(series), "1h30m") == set()


# --- all requests hang


def waiting(values: str, instance: str = "app1") -> dict[str, str]:
    return own("http_requests_inprogress", values, instance, ',method="GET",path="/api/a"')


@pytest.mark.parametrize(
    ("served", "waits"),
    [
        (steady((10, 20), (0, 100)), "1x79 1+150x3 600x400"),  # clients give up after a minute
        (steady((1, 20), (0, 100)), "0x79 0+15x400"),
        (steady((10, 20), (0.2, 100)), "1x79 1+150x3 600x400"),
    ],
)
def test_requests_that_hang_are_told_and_stay_told(served: str, waits: str) -> None:
    series = answers("200", served) | waiting(waits) | own("up", "1x480")
    scene = Scene(series, only=frozenset({"RequestsStuck"}))

    [alert] = scene.alerts("27m", "RequestsStuck")
    assert alert.firing_since is not None and alert.firing_since <= 26 * MINUTE
    assert scene.fires("RequestsStuck", "1h50m")
    assert scene.ask(alert, "evidence", "27m") == 1
    assert (scene.ask(alert, "verify", "15m"), scene.ask(alert, "verify", "27m")) == (1, 0)


@pytest.mark.parametrize(
    ("served", "waits"),
    [
        (steady((0, 60)), "0x240"),
        (steady((0, 60)), "3x40 8x200"),
        (steady((2, 30), (0, 30)), "100x240"),
        (steady((10, 60)), "1x100 300x140"),
    ],
    ids=["idle", "a few wait for news", "many wait for news all day", "slow"],
)
def test_requests_that_wait_on_purpose_are_silent(served: str, waits: str) -> None:
    scene = Scene(answers("200", served) | waiting(waits))

    assert not scene.ever_fires("RequestsStuck", "1h")


# --- nobody arrives


@pytest.mark.parametrize("rate", [10, 1, 0.5])
@pytest.mark.parametrize("left", [0, 0.02])
def test_traffic_that_ends_is_told_within_ten_minutes_and_stays_told(rate: float, left: float) -> None:
    series = answers("200", steady((rate, 70), (rate * left, 140), (rate, 30))) | own("up", "1x960")
    scene = Scene(series, only=frozenset({"TrafficLost", "mita:http_requests_of_usual:rate1m"}))

    [alert] = scene.alerts("80m", "TrafficLost")
    assert alert.rule.severity == "critical"
    assert all(scene.fires("TrafficLost", at) for at in ("2h10m", "3h29m"))
    assert not scene.fires("TrafficLost", "3h35m")
    assert (scene.ask(alert, "verify", "65m"), scene.ask(alert, "verify", "80m")) == (1, 0)
    assert scene.ask(alert, "evidence", "80m") == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [(10, 60), *falling(10, 1.5, 60), (1.5, 60)],
        [(0.2, 90), (10, 12), (0.2, 90)],
        [(0, 90), (10, 12), (0, 90)],
        [(10, 40), (0, 90)],
        [(10, 70), (0, 4), (10, 60)],
    ],
    ids=["evening", "burst", "burst on nothing", "a test's load", "a short gap"],
)
def test_traffic_of_an_ordinary_day_is_silent(pieces: list[tuple[float, float]]) -> None:
    assert fired(Scene(answers("200", steady(*pieces))), "2h40m") == set()


def test_one_request_a_minute_is_no_traffic_that_could_be_lost() -> None:
    scene = Scene(answers("200", steady((1 / 60, 90), (0, 60))))

    assert fired(scene, "2h30m") == set()


def test_the_lab_may_start_and_stop_the_load_of_its_tests() -> None:
    """Ordinary traffic of four a second; thirty more for three minutes, twice; all at time scale 15."""
    values = steady((4, 3), (34, 3), (4, 2), (34, 2), (4, 4), step=1)

    assert fired(Scene(answers("200", values), interval="1s", time_scale=15), "14m") == set()


# --- counters that cannot be believed

UNSOUND = answers("200", "0 1 " * 300, instance="app2")


@pytest.mark.parametrize(
    ("alert", "at", "series"),
    [
        (
            "ClientErrorsSurge",
            "28m",
            answers("200", steady((10, 20), (0, 20))) | answers("404", steady((0, 20), (10, 20))),
        ),
        ("RequestsStuck", "27m", answers("200", steady((10, 20), (0, 20))) | waiting("1x79 1+150x3 600x90")),
        ("TrafficLost", "80m", answers("200", steady((10, 70), (0, 20)))),
    ],
)
def test_counters_that_cannot_be_believed_are_no_evidence(
    alert: str, at: str, series: dict[str, str]
) -> None:
    """A second instance counts one request again and again: too little to change what fires."""
    only = frozenset({alert, "BackendCountersUnsound"})
    believed, doubted = Scene(series, only=only), Scene(series | UNSOUND, only=only)

    [told] = believed.alerts(at, alert)
    assert believed.ask(told, "evidence", at) == 1
    [told] = doubted.alerts(at, alert)
    assert told.state == "firing"
    assert doubted.ask(told, "evidence", at) is None


def test_workers_that_answer_in_turn_do_not_restart() -> None:
    starts = own("process_start_time_seconds", "5 7 " * 60, more=',host="app1"')

    assert not Scene(starts).ever_fires("BackendRestartLoop", "29m")
    loop = own("process_start_time_seconds", "1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5x40", more=',host="app1"')
    assert Scene(loop).ever_fires("BackendRestartLoop", "6m")


# --- a deployment after which they do not arrive


def version(number: str, values: str, instance: str = "app1") -> dict[str, str]:
    return own("mita_build_info", values, instance, f',version="{number}"')


DEPLOYED = version("1.0.0", "1x240 stale") | version("2.0.0", "_x241 1x400")


@pytest.mark.parametrize("left", [0.1, 0.2])
def test_traffic_that_falls_with_a_deployment_is_told_and_stays_told(left: float) -> None:
    values = steady((10, 61), (10 * left, 99))
    only = frozenset({"TrafficDropAfterDeploy"})
    scene = Scene(answers("200", values) | DEPLOYED, only=only)

    assert all(scene.fires("TrafficDropAfterDeploy", at) for at in ("77m", "2h30m"))
    assert Scene(answers("200", values), only=only).ever_fired("2h30m") == set()


@pytest.mark.parametrize(
    "pieces",
    [
        [(10, 160)],
        [(10, 30), *falling(10, 1.5, 60), (1.5, 70)],
        [(10, 15), *falling(10, 1.5, 60), (1.5, 85)],
        [(1, 30), (10, 12), (1, 118)],
        [(10, 100), (2, 60)],
    ],
    ids=["steady", "evening", "late evening", "burst before", "a fall long after"],
)
def test_a_deployment_without_a_fall_is_silent(pieces: list[tuple[float, float]]) -> None:
    assert fired(Scene(answers("200", steady(*pieces)) | DEPLOYED), "2h30m") == set()


def test_a_burst_an_hour_ago_is_no_deployment() -> None:
    scene = Scene(answers("200", steady((1, 60), (10, 12), (1, 80))) | version("1.0.0", "1x640"))

    assert fired(scene, "2h30m") == set()


# --- no instance stays up


def up(instance: str, values: str) -> dict[str, str]:
    return own("up", values, instance)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1x20 0x200", "1x20 0x200"),
        ("1 0 " * 60, "1 0 " * 60),
        ("0 1 " * 60, "1 0 " * 60),
        ("1 1 0 0 " * 30,) * 2,
    ],
    ids=["dead", "loop", "loop out of step", "slower loop"],
)
def test_instances_that_all_fail_are_critical(first: str, second: str) -> None:
    scene = Scene(up("app1", first.strip()) | up("app2", second.strip()))

    [alert] = scene.alerts("12m", "AllInstancesFailing")
    assert alert.rule.severity == "critical"
    assert scene.fires("AllInstancesFailing", "29m")
    assert (scene.ask(alert, "evidence", "12m"), scene.ask(alert, "verify", "12m")) == (1, 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [("0x120", "1x120"), ("1 0 " * 60, "1x120"), ("1x40 0x4 1x76", "1x44 0x4 1x72"), ("0x120", "0x120")],
    ids=["one dead", "one in a loop", "deployed one by one", "never there"],
)
def test_instances_of_which_one_is_well_are_another_matter(first: str, second: str) -> None:
    scene = Scene(up("app1", first.strip()) | up("app2", second.strip()))

    assert not scene.ever_fires("AllInstancesFailing", "29m")


# --- a counter that is born with its errors


@pytest.mark.parametrize(
    "beside",
    [
        up("app1", "1x80"),
        up("app1", "1x80") | own("transaction_processing_total", "0+100x80"),
        up("app1", "1x80") | up("app2", "1x80"),
    ],
    ids=["answers", "counts the whole", "two instances"],
)
def test_transactions_that_fail_in_a_new_series_are_seen(beside: dict[str, str]) -> None:
    scene = Scene(own("transaction_processing_errors_total", "_x40 20x40") | beside)

    assert scene.ever_fires("TransactionProcessingFailure", "20m")


@pytest.mark.parametrize(
    ("alert", "metric"),
    [
        ("TransactionProcessingFailure", "transaction_processing_errors_total"),
        ("RevenueProcessingIssue", "revenue_processing_errors_total"),
    ],
)
def test_a_series_that_is_born_on_a_second_instance_is_seen(alert: str, metric: str) -> None:
    scene = Scene(
        own(metric, "0x80") | own(metric, "_x40 20x40", "app2") | up("app1", "1x80") | up("app2", "1x80")
    )

    assert scene.ever_fires(alert, "20m")


@pytest.mark.parametrize("first", ["_x40 20x40", "0x80"])
def test_revenue_that_fails_in_an_unknown_process_is_seen(first: str) -> None:
    second = {} if first.startswith("_") else own("revenue_processing_errors_total", "_x40 20x40", "app2")

    scene = Scene(own("revenue_processing_errors_total", first) | second)
    assert scene.fires("RevenueProcessingIssue", "12m")


def test_errors_of_an_instance_that_was_out_of_sight_are_not_counted_again() -> None:
    """Nine minutes without a scrape; what had failed before comes back with the series."""
    unseen = "20x40 stale _x35 20x60"
    scene = Scene(
        own("transaction_processing_errors_total", unseen)
        | own("revenue_processing_errors_total", unseen)
        | up("app1", "1x40 0x36 1x60")
    )

    # The last first: what is asked until then is known for all that are earlier.
    both = scene.about("TransactionProcessingFailure", "RevenueProcessingIssue")
    assert {name for minute in range(33, 11, -1) for name in both.firing(f"{minute}m")} == set()


def test_failed_requests_in_a_new_series_are_seen() -> None:
    """Twenty beside twelve a minute, all at once, on a process that counted before."""
    scene = Scene(answers("200", "0+3x80") | answers("500", "_x40 20x40"))

    assert scene.alerts("11m", "CriticalErrorRate")
    both = answers("200", "0+3x80", instance="app2") | answers("500", "0x80", instance="app2")
    assert Scene(dict(scene.series) | both).alerts("11m", "CriticalErrorRate")
