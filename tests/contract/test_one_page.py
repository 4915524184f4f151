"""A bad release that is rolled back by itself is one page and few messages; a new incident is told at once.

Each case is an environment of its own, so one run plays all of them, on both versions of Alertmanager.
When an alert begins and ends is computed from its rule: `CriticalErrorRate` fires two minutes after a fifth
of the requests of two minutes failed, and ends when less than a fifth of the last two minutes did.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from devtools.paths import REPO
from harness.incident.receipts import incidents, is_resolved, names
from monitoring.catalog import load
from monitoring.routing import Labels
from tests.contract.playing import SCALE, Fires, Played, Player, Record

pytestmark = pytest.mark.slow
VERSIONS = ("alertmanager", "alertmanager-0.28")
ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
SHOP = "shop"
OVER = 850
"""All timelines are over, and who reads was told of the last end: such a group speaks every 300 s."""
TAIL = 80
"""Until the channel of deployments was told of its last end."""
AT_ONCE = 150
"""Half of that: what waits for another group's turn is later."""
HEALTHY = 275
"""When the daemon says that it measured the release before to be healthy again."""


def place(env: str) -> str:
    """An environment as no other word of a message is written."""
    return f"env-{env}"


def fires(name: str, env: str, begin: float, end: float, **others: str) -> Fires:
    """The alert as its rule labels it; what it takes from its series is about the service SHOP."""
    own = {key: value for key, value in ALERTS[name].labels.items() if "{{" not in value}
    labels = {"service": SHOP, "subject": SHOP, **own, "alertname": name, "env": place(env), **others}
    return Fires(begin=begin, end=end, labels=labels)


def rolled_back(env: str, *, began: float) -> Iterator[Fires]:
    """What only silences others, until ten minutes after the cure, and what tells that it was done."""
    yield fires("RollbackRecovering", env, began, OVER)
    yield fires("RollbackExecuted", env, HEALTHY, 580)


def after_louder(env: str, symptom: str, begin: float) -> Fires:
    """Until ten minutes after the louder one."""
    return fires("LouderAlertRecent", env, begin, OVER, symptom=symptom, louder="critical")


def errors(env: str) -> Iterator[Fires]:
    """All requests fail from 0 to 215."""
    yield fires("CriticalErrorRate", env, 160, 320)
    yield fires("TransactionProcessingFailure", env, 150, 515)
    for journey in ("login", "payment", "registration"):
        yield fires("SloJourneyFastBurn", env, 190, 520, journey=journey, subject=journey)
    yield fires("SloAvailabilityFastBurn", env, 190, 520)
    yield fires("HighErrorRate", env, 320, 500)
    yield after_louder(env, "http_errors", 160)
    yield from rolled_back(env, began=195)


def latency(env: str) -> Iterator[Fires]:
    """Every answer is late from 0 to 190; the budget of latency burns, too."""
    yield fires("CriticalP95Latency", env, 135, 305)
    yield fires("SloLatencyFastBurn", env, 135, 460)
    yield fires("HighP95Latency", env, 310, 475)
    yield after_louder(env, "http_latency", 135)
    yield from rolled_back(env, began=200)


def crash(env: str) -> Iterator[Fires]:
    """Its processes die at once, on one host after the other, until 240."""
    for begin, instance in ((150, "app1"), (180, "app2")):
        yield fires("BackendInstanceDown", env, begin, 255, subject=instance, instance=instance)
        yield fires("EndpointDown", env, begin + 40, 270, subject=instance, instance=instance)
    yield fires("AllInstancesFailing", env, 215, 450)
    yield from rolled_back(env, began=195)


def unhealthy(env: str) -> Iterator[Fires]:
    for begin, instance in ((100, "app1"), (100, "app2")):
        about = {"subject": instance, "instance": instance}
        yield fires("MitaSystemUnhealthy", env, begin, 240, **about)
        yield fires("BackendHealthDegraded", env, begin, 300, **about)
    yield after_louder(env, "health", 100)
    yield from rolled_back(env, began=130)


def burning(env: str) -> Iterator[Fires]:
    """A tenth of the requests fail, which nothing rolls back. The first to page ends while it is silenced."""
    yield fires("HighErrorRate", env, 5, 240)
    yield fires("SloAvailabilityFastBurn", env, 75, 330)


def again(env: str) -> Iterator[Fires]:
    """The next bad release of the same service, before the readers' turn came."""
    yield fires("CriticalErrorRate", env, 0, 100)
    yield fires("CriticalErrorRate", env, 250, 350)


def second(name: str, env: str, **others: str) -> Iterator[Fires]:
    """It is told of the first, and the second begins just after."""
    yield fires(name, env, 20, 300, subject="one", host="one")
    yield fires(name, env, 70, 300, subject="two", host="two", **others)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """How many pages of each urgency, at most how many messages in a channel, and which alerts are named."""

    plays: Sequence[Fires]
    critical: int
    error: int = 0
    channels: dict[str, int]
    mails: int
    told: set[str]


CALM = {"#mita-deployments": 2}
BOUNDS: dict[str, Bound] = {
    "errors": Bound(
        plays=[*errors("errors")],
        critical=1,
        channels=CALM | {"#mita-alerts": 3, "#mita-incidents": 3, "#mita-finance-team": 2},
        mails=3,
        told={"CriticalErrorRate", "TransactionProcessingFailure", "SloJourneyFastBurn"},
    ),
    "latency": Bound(
        plays=[*latency("latency")],
        critical=1,
        channels=CALM | {"#mita-alerts": 2, "#mita-incidents": 2},
        mails=2,
        told={"CriticalP95Latency"},
    ),
    "crash": Bound(
        plays=[*crash("crash")],
        critical=2,
        channels=CALM | {"#mita-alerts": 5, "#mita-incidents": 5},
        mails=5,
        told={"BackendInstanceDown", "EndpointDown", "AllInstancesFailing"},
    ),
    "unhealthy": Bound(
        plays=[*unhealthy("unhealthy")],
        critical=1,
        channels=CALM | {"#mita-alerts": 2, "#mita-incidents": 2},
        mails=2,
        told={"MitaSystemUnhealthy"},
    ),
    "burning": Bound(
        plays=[*burning("burning")],
        critical=1,
        error=1,
        channels={"#mita-alerts": 4, "#mita-incidents": 2},
        mails=4,
        told={"HighErrorRate", "SloAvailabilityFastBurn"},
    ),
}
SECOND = {
    "host": list(second("HostDown", "host")),
    "memory": list(second("HostMemoryPressure", "memory")),
    "service": list(second("CriticalErrorRate", "service", service="cart")),
    "queue": list(second("QueueDepthCritical", "queue")),
}
AGAIN = list(again("again"))
TIMELINE = [
    *(one for bound in BOUNDS.values() for one in bound.plays),
    *(one for pair in SECOND.values() for one in pair),
    *AGAIN,
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    def play(version: str) -> Played:
        home: Path = tmp_path_factory.mktemp(version)
        return Player(version, home).play(TIMELINE, TAIL)

    with ThreadPoolExecutor(len(VERSIONS)) as pool:
        return dict(zip(VERSIONS, pool.map(play, VERSIONS), strict=True))


@pytest.fixture(params=VERSIONS)
def played(request: pytest.FixtureRequest, runs: dict[str, Played]) -> Played:
    return runs[request.param]


def about(played: Played, env: str, receiver: str) -> list[Record]:
    """What a receiver was sent about an environment."""
    found = [one for one in played.records if one["receiver"] == receiver]
    return [one for one in found if place(env) in json.dumps(one["body"])]


def pages(played: Played, env: str, urgency: str) -> tuple[int, int]:
    """How many incidents were opened, and how many were closed."""
    told = [one for one in about(played, env, "pagerduty") if one["urgency"] == urgency]
    return len(incidents(told)), sum(map(is_resolved, told))


def told_of(played: Played, alert: Fires, receiver: str) -> float:
    """How many seconds of production after it was posted a receiver was first told that it fires."""
    number = next(n for n, one in enumerate(TIMELINE) if one is alert)
    words = (alert.labels["alertname"], alert.labels["subject"])
    for one in about(played, alert.labels["env"].removeprefix(place("")), receiver):
        late = datetime.fromisoformat(one["at"]).timestamp() - played.posted[number]
        if late >= 0 and not is_resolved(one) and all(word in json.dumps(one["body"]) for word in words):
            return late * SCALE
    return float("inf")


def test_every_message_was_taken_and_no_page_stays_open(played: Played) -> None:
    assert [one["problems"] for one in played.records if not one["valid"]] == []
    assert [page["summary"] for page in played.still_open] == []


@pytest.mark.parametrize("case", BOUNDS)
def test_one_bad_release_is_one_page_and_few_messages(played: Played, case: str) -> None:
    bound = BOUNDS[case]
    channels = [one["channel"] for one in about(played, case, "slack")]

    assert pages(played, case, "critical") == (bound.critical, bound.critical)
    assert pages(played, case, "error") == (bound.error, bound.error)
    assert set(channels) == set(bound.channels)
    for channel, most in bound.channels.items():
        assert channels.count(channel) <= most, channel
    assert len(about(played, case, "smtp")) <= bound.mails


@pytest.mark.parametrize("case", BOUNDS)
def test_nothing_is_told_that_another_message_says(played: Played, case: str) -> None:
    """So nothing that began after the daemon measured the service healthy again is told at all."""
    bound = BOUNDS[case]
    for receiver in ("slack", "pagerduty", "smtp"):
        told = about(played, case, receiver)
        named = {name for name in ALERTS if any(names(one, name) for one in told)}
        assert named - {"RollbackExecuted"} == bound.told, receiver
        assert not named & {one.labels["alertname"] for one in bound.plays if one.begin > HEALTHY}


@pytest.mark.parametrize("case", BOUNDS)
def test_the_daemon_hears_of_each_trigger_whatever_people_are_told(played: Played, case: str) -> None:
    asked = [one.labels for one in BOUNDS[case].plays if is_trigger(one.labels)]
    heard = [
        alert["labels"]
        for one in played.records
        if one["receiver"] == "webhook"
        for alert in one["body"]["alerts"]
    ]

    assert [labels for labels in asked if labels not in heard] == []


def is_trigger(labels: Labels) -> bool:
    return labels.get("rollback") in ("auto", "propose")


@pytest.mark.parametrize("case", SECOND)
def test_a_second_incident_is_told_at_once_and_is_a_page_of_its_own(played: Played, case: str) -> None:
    urgency = SECOND[case][0].labels["severity"]

    assert pages(played, case, urgency) == (2, 2)
    for alert in SECOND[case]:
        assert told_of(played, alert, "pagerduty") < AT_ONCE
        assert told_of(played, alert, "slack") < AT_ONCE


def test_the_next_bad_release_of_the_same_service_rings_again_at_once(played: Played) -> None:
    assert pages(played, "again", "critical") == (2, 2)
    for alert in AGAIN:
        assert told_of(played, alert, "pagerduty") < AT_ONCE


def test_an_open_page_hears_within_a_minute_what_else_fires(played: Played) -> None:
    journey = next(one for one in TIMELINE if one.labels["alertname"] == "SloJourneyFastBurn")
    assert told_of(played, journey, "pagerduty") < AT_ONCE
