"""Nobody is called for a single request; at modest traffic a real outage is still told, and soon."""

from collections.abc import Iterable

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from ruletools.house.scene import Scene

BACKEND = 'job="mita-backend",env="prod",service="mita-backend"'
MINUTE = 60
SYMPTOMS = ("http_errors", "http_latency", "slo_availability", "slo_latency", "slo_journey", "slo_budget")
JUDGING = {
    alert.name
    for alert in load(REPO / "monitoring" / "rules")
    if alert.severity in ("critical", "error") and alert.labels["symptom"] in SYMPTOMS
}


def every(seconds: float, start: float, end: float) -> list[float]:
    return [start + number * seconds for number in range(1, int((end - start) / seconds) + 1)]


def counter(moments: Iterable[float], until: float, born: int = 0) -> str:
    """A counter in promtool's notation that goes up by one at each of the moments, in seconds."""
    when = list(moments)
    values = [
        str(sum(each <= at for each in when)) if at >= born else "_" for at in range(0, int(until) + 1, 15)
    ]
    return " ".join(values)


def requests(status: str, values: str, instance: str = "app1", path: str = "/api/users") -> dict[str, str]:
    return {f'http_requests_total{{{BACKEND},instance="{instance}",path="{path}",status="{status}"}}': values}


def durations(late: str, total: str) -> dict[str, str]:
    """*late* counts the requests that need two seconds, *total* all of them."""
    fast = " ".join(str(int(a) - int(b)) for a, b in zip(total.split(), late.split(), strict=True))
    series = f'http_request_duration_seconds_bucket{{{BACKEND},instance="app1",path="/api/users",le="%s"}}'
    buckets = {"0.1": fast, "0.4": fast, "1.0": fast, "2.5": total, "+Inf": total}
    return {series % le: values for le, values in buckets.items()}


def paged(series: dict[str, str], until: str) -> set[str]:
    return Scene(series, only=frozenset(JUDGING)).ever_fired(until)


def told_after(series: dict[str, str], name: str, began: int, until: str) -> float:
    """The minutes until the alert first fired."""
    firing = [alert for alert in Scene(series).about(name).alerts(until) if alert.firing_since is not None]
    return min(((alert.firing_since or 0) - began) / 60 for alert in firing)


def test_what_judges_requests_and_pages_is_known() -> None:
    assert {"HighErrorRate", "CriticalErrorRate", "CriticalP95Latency", "SloAvailabilityFastBurn"} < JUDGING


@pytest.mark.parametrize("pace", [20, 60, 300])
def test_one_failed_request_in_the_night_calls_nobody(pace: int) -> None:
    end = 90 * MINUTE
    good = requests("200", counter(every(pace, 0, end), end))

    assert paged(good | requests("500", counter([60 * MINUTE], end)), "90m") == set()


def test_nor_where_its_series_is_born_with_it() -> None:
    end = 90 * MINUTE
    good = requests("200", counter(every(60, 0, end), end))

    assert paged(good | requests("500", counter([60 * MINUTE], end, born=60 * MINUTE)), "90m") == set()


@pytest.mark.parametrize("failing", [1, 3, 5])
def test_one_of_the_first_five_requests_ever_calls_nobody(failing: int) -> None:
    """Then nobody comes; and where they go on to come, it is the same."""
    end, first = 30 * MINUTE, [10.0, 25.0, 70.0, 75.0, 120.0]
    good = [each for number, each in enumerate(first, 1) if number != failing]
    bad = requests("500", counter([first[failing - 1]], end))

    assert paged(requests("200", counter(good, end)) | bad, "30m") == set()
    going_on = [*good, *every(60, first[-1], end)]
    assert paged(requests("200", counter(going_on, end)) | bad, "30m") == set()


def test_the_only_request_fails_and_nobody_is_called() -> None:
    end = 90 * MINUTE

    assert paged(requests("500", counter([30 * MINUTE], end)), "90m") == set()
    assert paged(requests("500", "1x360"), "90m") == set()


@pytest.mark.parametrize("other", ["0x360", "7x360", "0+4x360"], ids=["no request", "idle", "busy"])
def test_a_failure_on_one_of_two_processes_calls_nobody(other: str) -> None:
    end = 90 * MINUTE
    one = requests("200", counter(every(60, 0, end), end)) | requests("500", counter([60 * MINUTE], end))

    assert paged(one | requests("200", other, "app2"), "90m") == set()


def test_a_failure_after_a_restart_calls_nobody() -> None:
    """The process had failed forty times, long ago; its successor fails once, a minute after its start."""
    good, bad = "900+1x119 0+1x240", "40x119 0x4 1x236"

    assert paged(requests("200", good) | requests("500", bad), "90m") == set()


def test_a_failure_an_hour_calls_nobody() -> None:
    end = 6 * 60 * MINUTE
    bad = [40 * MINUTE + 60 * MINUTE * number for number in range(4)]
    series = requests("200", counter(every(60, 0, end), end)) | requests("500", counter(bad, end))

    assert paged(series, "6h") == set()


@pytest.mark.parametrize("pace", [15, 60])
@pytest.mark.parametrize("when", [1, 60])
def test_one_slow_request_calls_nobody(pace: int, when: int) -> None:
    end, late = 90 * MINUTE, [when * MINUTE]

    assert paged(durations(counter(late, end), counter([*every(pace, 0, end), *late], end)), "90m") == set()


@pytest.mark.parametrize(("share", "minutes"), [(1, 9), (1 / 2, 15), (1 / 3, 20)])
def test_an_outage_at_one_request_a_minute_is_told(share: float, minutes: int) -> None:
    end, began = 120 * MINUTE, 60 * MINUTE
    fails = [at for number, at in enumerate(every(60, began, end)) if number % round(1 / share) == 0]
    works = [at for at in every(60, 0, end) if at not in fails]
    series = requests("200", counter(works, end)) | requests("500", counter(fails, end))

    assert told_after(series, "SloAvailabilityFastBurn", began, "80m") <= minutes


def test_slow_answers_at_one_request_a_minute_are_told() -> None:
    end, began = 120 * MINUTE, 60 * MINUTE
    series = durations(counter(every(60, began, end), end), counter(every(60, 0, end), end))

    assert told_after(series, "SloLatencyFastBurn", began, "80m") <= 15


@pytest.mark.parametrize("share", [0.03, 0.007])
def test_a_journey_that_fails_wholly_is_told_within_minutes_however_small(share: float) -> None:
    """Ten requests a second; a part of them registers."""
    end, began = 90 * MINUTE, 60 * MINUTE
    pace = 1 / (10 * share)
    journey = requests("201", counter(every(pace, 0, began), end), path="/api/register")
    journey |= requests("500", counter(every(pace, began, end), end), path="/api/register")

    assert told_after(requests("200", "0+150x360") | journey, "SloJourneyFastBurn", began, "80m") <= 4


def test_one_failed_registration_calls_nobody() -> None:
    end = 90 * MINUTE
    journey = requests("201", counter(every(300, 0, end), end), path="/api/register")
    journey |= requests("500", counter([60 * MINUTE], end), path="/api/register")

    assert paged(requests("200", "0+150x360") | journey, "90m") == set()
