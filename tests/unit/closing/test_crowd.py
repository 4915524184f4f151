"""Many alerts of one kind that begin at once are told as one, and nothing else is silenced."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from closing.alertmanager import Listed, View
from closing.crowd import crowds
from closing.look import look
from closing.matching import Inhibition
from closing.memory import Memory
from closing.settings import Settings

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
RULE = Inhibition(
    source=(("crowd", "!=", ""),),
    target=(("crowd", "=", ""), ("severity", "=~", "critical|error"), ("rollback", "!~", "auto|propose")),
    equal=("alertname", "env", "severity", "job"),
)
DOWN = Inhibition(source=(("alertname", "=", "Dead"),), target=(("alertname", "!=", "Dead"),), equal=("env",))
SETTINGS = Settings(
    url="http://x",
    username="",
    password="",
    ca_file="",
    patience_s=420.0,
    keep_s=432_000.0,
    crowd_s=600.0,
    inhibitions=(RULE, DOWN),
    timed=(),
)


def fires(number: int, ago_s: float = 0, **labels: str) -> Listed:
    own = {
        "alertname": "HostDown",
        "env": "prod",
        "severity": "critical",
        "subject": f"h{number:03}",
        **labels,
    }
    return Listed(
        fingerprint=str(sorted(own.items())),
        labels=own,
        annotations={"summary": f"The host h{number:03} does not answer", "runbook_url": "http://runbook"},
        starts_at=(NOON - timedelta(seconds=ago_s)).isoformat(),
        generator_url="http://prometheus",
        suppressed=False,
        groups=frozenset({'["critical", {}]'}),
    )


BEAT = fires(0, alertname="Watchdog", rollback="heartbeat", severity="none")


def crowd(count: int, ago_s: float = 0, **labels: str) -> list[Listed]:
    return [fires(number, ago_s, **labels) for number in range(count)]


class Site:
    """What Alertmanager lists, and the looks at it: what one posts, the next one sees."""

    def __init__(self) -> None:
        self.now, self.listed, self.started = NOON.timestamp(), list[Listed](), "t0"
        self.memory = Memory(looked=self.now, known_since=0.0, started="t0")

    def look(self, *alerts: Listed, silences: Any = (), later_s: float = 0) -> set[str]:
        """Return the names of the crowds that fire."""
        self.now += later_s
        self.memory.looked = self.now
        found = {one.fingerprint: one for one in (BEAT, *alerts, *self.listed)}
        seen = View(started=self.started, alerts=found, silences=silences)
        self.posts = crowds(self.memory, seen, SETTINGS, self.now)
        self.memory, _ = look(self.memory, seen, SETTINGS, self.now)
        firing = [
            post for post in self.posts if datetime.fromisoformat(post["endsAt"]).timestamp() > self.now
        ]
        self.listed = [
            replace(
                fires(0), fingerprint=str(post["labels"]), labels=post["labels"], starts_at=post["startsAt"]
            )
            for post in firing
        ]
        self.now += 15
        return {post["labels"]["alertname"] for post in firing}


@pytest.fixture
def site() -> Site:
    return Site()


def test_ten_that_begin_at_once_are_one_alert_that_names_them(site: Site) -> None:
    site.look(*crowd(9), fires(9, ago_s=30))
    [post] = site.posts

    kind = {"alertname": "HostDown", "env": "prod", "severity": "critical"}
    assert post["labels"] == {**kind, "subject": "10 or more at once", "crowd": "yes"}
    assert post["annotations"] == {
        "summary": "10 fire: h009, h000, h001, h002, h003 and 5 more",
        "description": "10 alerts of this kind fire: "
        "h009, h000, h001, h002, h003, h004, h005, h006, h007, h008. "
        "One of them says: The host h009 does not answer",
        "runbook_url": "http://runbook",
    }
    assert post["startsAt"] == fires(9, ago_s=30).starts_at
    assert post["endsAt"] == (NOON + timedelta(seconds=420)).isoformat()
    assert post["generatorURL"] == "http://prometheus"


NINE = crowd(9)


@pytest.mark.parametrize(
    "few",
    [
        NINE,
        [*NINE, fires(99, ago_s=601)],
        [*NINE, fires(99, env="test")],
        [*NINE, fires(99, job="other")],
        [*NINE, fires(99, alertname="HostFlapping")],
        [*NINE, replace(fires(99), starts_at="99999-01-01T00:00:00Z")],
        [*crowd(10), fires(0, alertname="Dead", severity="none")],
        crowd(10, rollback="auto"),
        crowd(10, severity="warning"),
    ],
    ids=[
        "nine",
        "older",
        "elsewhere",
        "another job",
        "another",
        "no moment",
        "silent",
        "triggers",
        "warnings",
    ],
)
def test_what_is_no_crowd_is_told_by_itself(site: Site, few: list[Listed]) -> None:
    assert site.look(*few) == set() and site.posts == []


def test_whom_a_person_silenced_is_not_counted(site: Site) -> None:
    maintenance = [[("subject", "=", "h000")]]
    assert site.look(*crowd(10), silences=maintenance) == set()
    assert site.look(*crowd(11), silences=maintenance) == {"HostDown"}


def test_it_says_how_many_there_are_now_and_since_when_it_began(site: Site) -> None:
    site.look(fires(99, ago_s=7200), *crowd(10))
    site.look(fires(99, ago_s=7200), *crowd(40), later_s=3600)

    assert site.posts[0]["annotations"]["summary"] == "41 fire: h099, h000, h001, h002, h003 and 36 more"
    assert site.posts[0]["startsAt"] == NOON.isoformat()


def test_it_is_over_when_few_are_left_who_are_told_by_themselves(site: Site) -> None:
    site.look(*crowd(10))
    assert site.look(*crowd(5), later_s=3600) == {"HostDown"}
    assert site.look(*crowd(4)) == set()
    [over] = site.posts
    assert datetime.fromisoformat(over["endsAt"]).timestamp() == pytest.approx(site.now - 15)
    assert site.look(*crowd(9)) == set() and site.posts == []


def test_it_is_over_when_none_is_left(site: Site) -> None:
    site.look(*crowd(10))
    assert site.look() == set() and len(site.posts) == 1


def test_an_alertmanager_that_has_forgotten_it_hears_of_it_before_its_alerts_are_sent_again(
    site: Site,
) -> None:
    """It would tell each of them at once: they are older than a group waits."""
    site.look(*crowd(10))
    site.look(*crowd(10))
    site.listed, site.started = [], "t1"
    assert site.look(later_s=3600) == {"HostDown"}
    assert site.look() == {"HostDown"}
    assert site.look(*crowd(10)) == {"HostDown"}
    assert "10 fire" in site.posts[0]["annotations"]["summary"]


def test_one_that_began_since_alertmanager_runs_is_over_at_once(site: Site) -> None:
    site.memory.known_since = NOON.timestamp() - 60
    site.look(*crowd(10))
    assert site.look() == set() and len(site.posts) == 1


def test_after_a_restart_it_is_over_when_all_that_fires_must_be_known(site: Site) -> None:
    site.look(*crowd(10))
    site.look(*crowd(10))
    site.listed, site.started = [], "t1"
    site.look()
    assert site.look(later_s=380) == {"HostDown"}
    assert site.look(later_s=40) == set() and len(site.posts) == 1


def test_without_its_inhibition_there_is_none() -> None:
    """A configuration that does not know of crowds would have one message more."""
    view = View(started="", alerts={str(one): one for one in crowd(10)}, silences=())
    assert crowds(Memory(), view, replace(SETTINGS, inhibitions=(DOWN,)), NOON.timestamp()) == []
