"""A thousand alerts in a minute: one page for each kind, nothing different hidden; the daemon hears at once.

A look at a thousand alerts takes as many seconds at any time scale, so here a group waits for ten of them.
"""

import json
import re
import statistics
from collections.abc import Iterator
from datetime import datetime

import pytest

from devtools.paths import REPO
from harness.incident.receipts import incidents
from monitoring.catalog import load
from monitoring.routing import Labels
from tests.contract.playing import Fires, Played, Player, Record

pytestmark = pytest.mark.slow
ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
SCALE, WAIT_S, LOOK_S = 20, 10, 2
FIRST, LAST, OVER, TAIL = 20, 80, 300, 160
"""Seconds of production: all of the storm begins between the first two, and all is over at the third."""
CROWDS = {
    "HostDown": 180,
    "HostFilesystemReadOnly": 120,
    "PostgresDown": 100,
    "HostMemoryPressure": 130,
    "QueueDepthCritical": 130,
}
OTHERS = {"ExporterDown": 180, "HostDiskSpaceLow": 100, "BackendInstanceDown": 60}
"""Of dead hosts, which explain them; warnings, which are told together anyway; one page of a service."""
ON_DEAD_HOSTS = ("HostDown", "ExporterDown")
FEW = 9
FASTER = "CriticalErrorRate"


def fires(name: str, number: int, begin: float, env: str, **others: str) -> Fires:
    """The alert as its rule labels it; what it takes from its series is a host of its own."""
    host = f"host{number}" if name in ON_DEAD_HOSTS else f"{name.lower()}{number}"
    own = {key: value for key, value in ALERTS[name].labels.items() if "{{" not in value}
    labels = {
        "service": "shop",
        "subject": host,
        "host": host,
        **own,
        "alertname": name,
        "env": env,
        **others,
    }
    return Fires(begin=begin, end=OVER - 20 * (name == "ExporterDown"), labels=labels)


def storm() -> Iterator[Fires]:
    """Prometheus sends every five seconds."""
    for name, count in (CROWDS | OTHERS).items():
        for number in range(count):
            yield fires(name, number, FIRST + (number * (LAST - FIRST) // count) // 5 * 5, "storm")


def different() -> Iterator[Fires]:
    """In the middle of it: one of another kind, one elsewhere, and as many as are told apart."""
    yield fires("RedisDown", 0, 50, "storm")
    yield fires("HostDown", 0, 50, "elsewhere")
    yield from (fires("HostDown", number, 50, "few") for number in range(FEW))


def asked(env: str, *moments: float) -> list[Fires]:
    """The daemon is asked about one service after the other."""
    return [
        fires(FASTER, 0, moment, env, service=f"{env}{moment:g}", subject=f"{env}{moment:g}")
        for moment in moments
    ]


ALONE = asked("alone", 0, 4, 8, 12, 16)
INSIDE = asked("storm", *(FIRST + 2.5 + 5 * number for number in range(12)), *range(200, 280, 8))
"""While it comes, and while it is told."""
TIMELINE = [*storm(), *different(), *ALONE, *INSIDE]


@pytest.fixture(
    scope="module", params=["alertmanager-0.28", pytest.param("alertmanager", marks=pytest.mark.long)]
)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    said = {"alertmanager_overrides": {"route": {"group_wait": f"{WAIT_S * SCALE}s"}}}
    return Player(request.param, tmp_path_factory.mktemp("storm"), said, scale=SCALE, look_s=LOOK_S).play(
        TIMELINE, TAIL
    )


def about(played: Played, receiver: str, env: str, name: str = "") -> list[Record]:
    """What a receiver was sent about an environment, and about one kind of alert."""
    found = [one for one in played.records if one["receiver"] == receiver]
    return [one for one in found if f"{env})" in (told := json.dumps(one["body"])) and f"{name} " in told]


def pages(played: Played, env: str, name: str) -> int:
    return len(incidents(about(played, "pagerduty", env, name)))


def heard_ms(played: Played, alert: Fires) -> float:
    """How long after it was posted the daemon was told."""
    number = TIMELINE.index(alert)
    at = next(
        one["at"]
        for one in played.records
        if one["receiver"] == "webhook" and alert.labels in (told["labels"] for told in one["body"]["alerts"])
    )
    return (datetime.fromisoformat(at).timestamp() - played.posted[number]) * 1000


def test_a_thousand_alerts_are_taken_as_few_messages(played: Played) -> None:
    assert len(list(storm())) == 1000
    assert [one["problems"] for one in played.records if not one["valid"]] == []
    for receiver in ("slack", "pagerduty", "smtp"):
        told = [one for one in about(played, receiver, "storm") if FASTER not in json.dumps(one["body"])]
        assert len(told) <= 50, receiver


@pytest.mark.parametrize("name", CROWDS)
def test_a_kind_is_one_page_that_says_how_many_and_names_the_first(played: Played, name: str) -> None:
    assert pages(played, "storm", name) == 1
    [summary] = incidents(about(played, "pagerduty", "storm", name))
    many = CROWDS[name]
    assert f"{name} on 10 or more at once (storm): {many} fire: " in summary
    assert re.search(rf" fire: (\S+, ){{4}}\S+ and {many - 5} more$", summary)


def test_what_dead_hosts_explain_pages_nobody(played: Played) -> None:
    assert pages(played, "storm", "ExporterDown") == 0


@pytest.mark.parametrize(
    ("env", "name", "count"),
    [("storm", "RedisDown", 1), ("elsewhere", "HostDown", 1), ("few", "HostDown", FEW)],
)
def test_nothing_different_is_hidden(played: Played, env: str, name: str, count: int) -> None:
    assert pages(played, env, name) == count
    for receiver in ("slack", "smtp"):
        assert len(about(played, receiver, env, name)) >= count


def test_a_trigger_in_the_storm_is_heard_about_as_fast_as_alone(played: Played) -> None:
    """Also while Alertmanager answers a look; the longest has room for a machine that does other work."""
    alone, inside = ([heard_ms(played, one) for one in some] for some in (ALONE, INSIDE))

    assert statistics.median(inside) < statistics.median(alone) + 100, (alone, inside)
    assert max(inside) < 5000, inside


def test_the_daemon_hears_of_each_trigger_and_of_no_crowd(played: Played) -> None:
    heard: list[Labels] = [
        alert["labels"]
        for one in played.records
        if one["receiver"] == "webhook"
        for alert in one["body"]["alerts"]
    ]

    assert [one.labels for one in TIMELINE if is_trigger(one.labels) and one.labels not in heard] == []
    assert [labels for labels in heard if "crowd" in labels] == []


def is_trigger(labels: Labels) -> bool:
    return labels.get("rollback") in ("auto", "propose")


def test_every_page_is_closed_when_it_is_over(played: Played) -> None:
    assert [page["summary"] for page in played.still_open] == []
