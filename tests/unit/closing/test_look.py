"""When an alert counts as over, and when that is said again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from closing.alertmanager import Listed, View
from closing.look import ended, look
from closing.matching import Inhibition, Labels, Matcher
from closing.memory import Memory, Remembered
from closing.settings import Settings, TimedRoute

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC).timestamp()
NIGHT = {
    "times": [{"start_time": "18:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "08:00"}]
}
DOWN = Inhibition(
    source=(("symptom", "=", "host_down"),), target=(("severity", "!=", "critical"),), equal=("host",)
)
PATIENCE = 420.0
SETTINGS = Settings(
    url="http://x",
    username="",
    password="",
    ca_file="",
    patience_s=PATIENCE,
    keep_s=432_000.0,
    crowd_s=600.0,
    inhibitions=(DOWN,),
    timed=(
        TimedRoute(receiver="quiet", mute=(NIGHT,), active=None),
        TimedRoute(
            receiver="team",
            matchers=(("severity", "=", "warning"),),
            children=((("loud", "=", "yes"),),),
            mute=(NIGHT,),
            active=None,
        ),
        TimedRoute(receiver="rare", mute=(NIGHT,), active=None),
    ),
    slower_s={"rare": 1020.0},
)
HEARTBEAT = {"alertname": "Watchdog", "rollback": "heartbeat"}
MEMORY = {"alertname": "HostMemoryPressure", "host": "a", "severity": "error"}
HOST_DOWN = {"alertname": "HostDown", "host": "a", "severity": "critical", "symptom": "host_down"}


def listed(labels: Labels, *, suppressed: bool = False, receiver: str = "error", group: str = "") -> Listed:
    return Listed(
        fingerprint=str(sorted(labels.items())),
        labels=labels,
        annotations={"summary": "s"},
        starts_at="2026-11-28T11:00:00.000Z",
        generator_url="",
        suppressed=suppressed,
        groups=frozenset({f'["{receiver}", {{"alertname": "{group or labels["alertname"]}"}}]'}),
    )


def view(*alerts: Listed, silences: Sequence[Sequence[Matcher]] = (), started: str = "t0") -> View:
    return View(started=started, alerts={one.fingerprint: one for one in alerts}, silences=silences)


BEAT = listed(HEARTBEAT, receiver="dead-man")


class Days:
    """Looks every twenty seconds, as the timer does."""

    def __init__(self, now: float = NOON) -> None:
        self.now, self.memory = now, Memory()

    def during(self, seconds: float, seen: View) -> list[Remembered]:
        """Return all that was posted while Alertmanager listed this."""
        posts: list[Remembered] = []
        end = self.now + seconds
        while self.now < end:
            self.memory, more = look(self.memory, seen, SETTINGS, self.now)
            posts += more
            self.now += 20
        return posts


@pytest.fixture
def days() -> Days:
    return Days()


def names(posts: list[Remembered]) -> set[str]:
    return {one.labels["alertname"] for one in posts}


def test_what_ended_while_its_host_was_down_is_told_once_that_is_over(days: Days) -> None:
    days.during(600, view(BEAT, listed(MEMORY)))
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))

    assert days.during(3600, view(BEAT, listed(HOST_DOWN))) == []
    posts = days.during(3600, view(BEAT))

    assert names(posts) == {"HostMemoryPressure"}
    assert len(posts) == PATIENCE / 20
    assert days.memory.alerts.keys() == view(BEAT).alerts.keys()


def test_what_ended_unhindered_is_left_to_alertmanager(days: Days) -> None:
    days.during(600, view(BEAT, listed(MEMORY)))

    assert days.during(3600, view(BEAT)) == []
    assert days.memory.alerts.keys() == view(BEAT).alerts.keys()


def test_what_still_fires_though_nobody_hears_it_is_not_over(days: Days) -> None:
    still = view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN))

    assert days.during(24 * 3600, still) == []


@pytest.mark.parametrize(
    "unknown", [view(), view(BEAT, started="t1"), None], ids=["no heartbeat", "restarted", "gap"]
)
def test_what_is_not_known_begins_the_wait_anew(days: Days, unknown: View | None) -> None:
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))
    days.during(PATIENCE - 60, view(BEAT))
    if unknown:
        days.during(20, unknown)
    else:
        days.now += PATIENCE + 20

    again = view(BEAT, started=unknown.started if unknown else "t0")
    assert days.during(PATIENCE - 60, again) == []
    assert names(days.during(120, again)) == {"HostMemoryPressure"}


def test_no_heartbeat_closes_nothing_ever(days: Days) -> None:
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))

    assert days.during(24 * 3600, view()) == []


def test_silence_holds_it_back_as_alertmanager_would(days: Days) -> None:
    silence: list[Matcher] = [("host", "=~", "a|b")]
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), silences=[silence]))

    assert days.during(3600, view(BEAT, silences=[silence])) == []
    assert names(days.during(60, view(BEAT))) == {"HostMemoryPressure"}


def test_end_in_the_night_is_told_in_the_morning() -> None:
    days = Days(NOON + 5.9 * 3600)
    warning = listed({"alertname": "Warning"}, receiver="quiet")
    days.during(10 * 60, view(BEAT, warning))

    assert days.during(13.9 * 3600 - 20 * 60, view(BEAT)) == []
    assert names(days.during(3600, view(BEAT))) == {"Warning"}


def test_end_before_the_night_is_told_in_the_morning_where_a_group_speaks_only_in_the_night() -> None:
    days = Days(NOON + 5.8 * 3600)
    days.during(120, view(BEAT, listed({"alertname": "Warning"}, receiver="rare")))

    assert days.during(13 * 3600, view(BEAT)) == []
    assert names(days.during(2 * 3600, view(BEAT))) == {"Warning"}


@pytest.mark.parametrize(
    ("labels", "owed"),
    [
        ({"severity": "warning"}, True),
        ({"severity": "error"}, False),
        ({"severity": "warning", "loud": "yes"}, False),
    ],
)
def test_only_what_the_quiet_route_takes_waits_for_the_morning(labels: dict[str, str], owed: bool) -> None:
    days = Days(NOON + 8 * 3600)
    days.during(600, view(BEAT, listed({"alertname": "A", **labels}, receiver="team")))

    days.during(11 * 3600, view(BEAT))

    assert bool(days.during(3 * 3600, view(BEAT))) is owed


def test_clock_that_was_ahead_keeps_nothing_back(days: Days) -> None:
    days.now += 30 * 86_400
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))
    days.now = NOON

    assert names(days.during(3600, view(BEAT))) == {"HostMemoryPressure"}
    assert days.memory.alerts.keys() == view(BEAT).alerts.keys()


def test_a_storm_is_looked_at_in_time(days: Days) -> None:
    """Each with each other would be millions of comparisons, and systemd ends a look after a minute."""
    firing = [listed({**HOST_DOWN, "host": f"firing{n}"}) for n in range(1500)]
    gone = [listed({**MEMORY, "host": f"gone{n}"}, suppressed=True) for n in range(1500)]
    days.during(20, view(BEAT, *gone))
    asked = 0

    class Counted(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            nonlocal asked
            asked += 1
            return super().get(name, default)

    days.during(
        20, view(BEAT, *(Listed(**{**one.__dict__, "labels": Counted(one.labels)}) for one in firing))
    )

    assert asked < 10 * len(firing)


def test_pager_is_told_in_the_night_what_mute_routes_hear_in_the_morning() -> None:
    days = Days(NOON + 10 * 3600)
    both = listed(MEMORY, suppressed=True)
    quiet = both.groups | listed(MEMORY, receiver="quiet").groups
    both = Listed(**{**both.__dict__, "groups": quiet})
    days.during(600, view(BEAT, both, listed(HOST_DOWN)))

    assert names(days.during(3600, view(BEAT))) == {"HostMemoryPressure"}
    assert days.during(6 * 3600, view(BEAT)) == []
    assert names(days.during(5 * 3600, view(BEAT))) == {"HostMemoryPressure"}


def test_never_told_is_not_told_as_over_beside_what_still_fires(days: Days) -> None:
    other = listed({**MEMORY, "host": "b"})
    days.during(600, view(BEAT, other, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))

    assert days.during(3600, view(BEAT, other)) == []
    assert MEMORY in [one.labels for one in days.during(3600, view(BEAT))]


def test_what_fires_again_is_not_over(days: Days) -> None:
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))
    assert days.during(PATIENCE + 60, view(BEAT)) != []

    assert days.during(3600, view(BEAT, listed(MEMORY))) == []


def test_what_alertmanager_has_forgotten_is_forgotten(days: Days) -> None:
    days.during(600, view(BEAT, listed(MEMORY, suppressed=True), listed(HOST_DOWN)))

    days.during(6 * 86_400, view(BEAT, listed(HOST_DOWN)))

    assert listed(MEMORY).fingerprint not in days.memory.alerts


@pytest.mark.parametrize(
    "starts", ["2026-11-28T11:00:00Z", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "odd"]
)
def test_a_post_is_always_of_the_past(starts: str) -> None:
    alert: dict[str, Any] = {"labels": MEMORY, "annotations": {}, "generator_url": "", "groups": []}
    posted = ended(Remembered(**alert, starts_at=starts, seen=NOON, told=True, held=True))

    assert posted["startsAt"] <= posted["endsAt"] == "2026-11-28T12:00:00+00:00"
