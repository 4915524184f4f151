"""Silences as data: what Alertmanager is given, and what is refused; judged by the shipped rules."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from monitoring.errors import CatalogError
from monitoring.silences import DAEMON, MARK, Site, read, triggers_taken
from roles.alertmanager.module_utils.mita_silences import plan

SITE = Site("Europe/Sofia", "72h", load(REPO / "monitoring" / "rules"), ("env", "site"))
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SKIPPED = datetime(2027, 3, 22, tzinfo=UTC)
"""In the week of the night in which Sofia has no hour from three to four."""
MOVE = {
    "name": "move",
    "owner": "dba",
    "reason": "PostgreSQL moves",
    "start": "2026-12-01 22:00",
    "end": "2026-12-02 02:00",
    "matchers": ['host="data1"'],
}


def given(**other: Any) -> list[dict[str, Any]]:
    return read([{**MOVE, **other}], SITE, NOW)[0]


def test_window_is_local_to_its_zone() -> None:
    [one] = given()

    assert (one["startsAt"], one["endsAt"]) == ("2026-12-01T20:00:00Z", "2026-12-02T00:00:00Z")
    assert given(timezone="UTC")[0]["startsAt"] == "2026-12-01T22:00:00Z"
    assert given(start="2026-12-01T22:00:00Z")[0]["startsAt"] == "2026-12-01T22:00:00Z"
    assert one["createdBy"] == f"dba {MARK}"
    assert one["comment"] == "move: PostgreSQL moves"
    assert one["matchers"] == [{"name": "host", "value": "data1", "isRegex": False, "isEqual": True}]


def test_weekly_window_keeps_its_hour_when_the_clocks_change() -> None:
    now = datetime(2027, 3, 22, tzinfo=UTC)
    weekly = {"start": "2027-03-01 02:00", "end": "2027-03-01 03:00", "until": "2027-04-30"}
    found, over = read([{**MOVE, **weekly}], SITE, now)

    begins = [f"2027-{day}:00:00Z" for day in ("03-22T00", "03-28T23", "04-04T23")]
    assert [one["startsAt"] for one in found] == begins
    assert over == []


@pytest.mark.parametrize("hours", [("03:30", "04:15"), ("02:00", "03:30"), ("03:15", "03:45")])
def test_weekly_window_in_an_hour_that_is_skipped_is_not_shorter(hours: tuple[str, str]) -> None:
    start, end = (f"2027-03-07 {hour}" for hour in hours)
    found, _ = read([{**MOVE, "start": start, "end": end, "until": "2027-04-30"}], SITE, SKIPPED)
    [one] = [one for one in found if one["endsAt"].startswith("2027-03-28")]

    lasts = datetime.fromisoformat(one["endsAt"]) - datetime.fromisoformat(one["startsAt"])
    assert lasts >= datetime.fromisoformat(end) - datetime.fromisoformat(start)


def test_weekly_window_that_ends_in_an_hour_that_comes_twice_ends_in_the_second() -> None:
    weekly = {"start": "2027-10-03 02:00", "end": "2027-10-03 03:30", "until": "2027-11-30"}
    found, _ = read([{**MOVE, **weekly}], SITE, datetime(2027, 10, 30, tzinfo=UTC))

    assert (found[0]["startsAt"], found[0]["endsAt"]) == ("2027-10-30T23:00:00Z", "2027-10-31T01:30:00Z")


def test_misspelt_alert_is_named_because_nothing_would_be_silent() -> None:
    assert "HostDwn" in read([{**MOVE, "matchers": ['alertname="HostDwn"']}], SITE, NOW)[1][0]
    assert read([{**MOVE, "matchers": ['alertname="HostDwn"']}], SITE, NOW)[1][0].endswith(
        "is HostDown meant?"
    )
    assert read([{**MOVE, "matchers": ['alertname=~"Host.*"']}], SITE, NOW)[1] == []


def test_what_is_wrong_with_the_longest_is_said_of_it() -> None:
    with pytest.raises(CatalogError, match="alertmanager_silences_longest: expected a duration"):
        read([MOVE], replace(SITE, longest="3 days"), NOW)


def test_start_that_moved_is_seen_by_a_person() -> None:
    [one] = given()
    planned = plan.plan([{**one, "startsAt": "2026-12-01T21:00:00Z"}], [as_listed(one)])

    assert planned.before != planned.after


@pytest.mark.parametrize("until", [{}, {"until": "2026-11-20"}])
def test_entry_that_has_ended_silences_nothing_and_is_named(until: dict[str, str]) -> None:
    past = {"start": "2026-11-10 22:00", "end": "2026-11-10 23:00", **until}
    found, over = read([{**MOVE, **past}, {**MOVE, "name": "other"}], SITE, NOW)

    assert len(found) == 1
    assert over[0].startswith("alertmanager_silences: move ended on 2026-11-1")
    assert over[0].endswith("take it out of the list")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"owner": ""}, "found no owner"),
        ({"until_": "x"}, "found until_"),
        ({"name": "Move it"}, "expected a name such as database-move"),
        ({"matchers": 'host="data1"'}, "expected a list of matchers"),
        ({"matchers": ["host is data1"]}, "expected a matcher such as"),
        ({"matchers": ["host='data1'"]}, "in double quotes"),
        ({"matchers": ["host=data1,service=x"]}, "in double quotes"),
        ({"owner": ["dba", "ops"]}, "expected a text as owner"),
        ({"matchers": ['host=~"data("']}, "expected regular expressions"),
        ({"matchers": ['alertname="Watchdog"']}, "it silences the heartbeat"),
        ({"matchers": ['rollback="heartbeat"']}, "it silences the heartbeat"),
        ({"matchers": ['env="production"']}, "it silences the heartbeat"),
        ({"matchers": ['site="sofia"', 'severity!="critical"']}, "it silences the heartbeat"),
        ({"matchers": ['host!="data1"']}, "it silences the heartbeat"),
        ({"matchers": ['alertname=~".*"', 'severity!="none"']}, "it silences every critical alert"),
        ({"matchers": ['severity="critical"']}, "it silences every critical alert"),
        ({"matchers": ['instance=~".+"']}, "it silences every critical alert"),
        ({"end": "2026-12-01 21:00"}, "expected its start before its end"),
        ({"end": "2026-12-05 22:01"}, "expected at most 72h"),
        ({"start": "tonight"}, "expected start such as"),
        ({"timezone": "Europe/Sofja"}, "expected start such as"),
        ({"start": "2027-03-28 03:30", "end": "2027-03-28 05:00"}, "is skipped in Europe/Sofia"),
        ({"until": "2026-12-01"}, "until within two years"),
        ({"until": "9999-01-01"}, "until within two years"),
    ],
)
def test_silence_that_is_too_wide_too_long_or_unreadable_is_refused(
    wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(CatalogError, match=rf"^alertmanager_silences: .*{words}"):
        given(**wrong)


@pytest.mark.parametrize("said", ["x", {"a": 1}, ["x"], [MOVE, MOVE]])
def test_list_that_is_none_or_names_one_twice_is_refused(said: Any) -> None:
    with pytest.raises(CatalogError, match=r"^alertmanager_silences: expected"):
        read(said, SITE, NOW)


@pytest.mark.parametrize(
    ("matchers", "taken"),
    [
        (['alertname="CriticalErrorRate"'], ["CriticalErrorRate"]),
        (['alertname="HostDown"'], []),
        (['service="shop"', 'severity="warning"'], []),
        (['queue="mails"'], []),
        (['instance="redis1"', 'component="redis"'], ["RedisConnectionFailure"]),
    ],
)
def test_triggers_that_the_daemon_hears_all_the_same_are_named(matchers: list[str], taken: list[str]) -> None:
    found = triggers_taken(matchers, SITE)

    assert [name for name in found if name != "RedisDown"] == taken
    assert (DAEMON in given(matchers=matchers)[0]["comment"]) == bool(found)


def as_listed(one: dict[str, Any], state: str = "pending", **other: Any) -> dict[str, Any]:
    times = {key: one[key].replace("Z", ".000Z") for key in ("startsAt", "endsAt")}
    return {**one, **times, "id": "1", "status": {"state": state}, **other}


def test_author_of_data_has_one_mark() -> None:
    assert plan.MARK == MARK


def test_what_is_there_is_left_alone_also_where_it_was_made_late() -> None:
    [one] = given()
    late = as_listed(one, "active") | {"startsAt": "2026-12-01T20:31:07.123Z"}

    for found in (as_listed(one), late):
        planned = plan.plan([one], [found])
        assert (planned.made, planned.ended, planned.before) == ([], [], planned.after)


@pytest.mark.parametrize(
    "change",
    [
        {"endsAt": "2026-12-02T01:00:00Z"},
        {"comment": "move: other"},
        {"createdBy": f"ops {MARK}"},
        {"matchers": []},
    ],
)
def test_what_differs_is_made_anew_and_the_old_one_ends(change: dict[str, Any]) -> None:
    [one] = given()
    planned = plan.plan([{**one, **change}], [as_listed(one)])

    assert ([{**one, **change}], ["1"]) == (planned.made, [old["id"] for old in planned.ended])
    assert planned.before != planned.after


def test_what_left_the_data_ends_and_silences_of_people_and_the_past_stay() -> None:
    [one] = given()
    theirs = as_listed(one, createdBy="alice")
    past = as_listed(one, state="expired")

    assert plan.plan([], [theirs, past]).ended == []
    assert plan.plan([], [as_listed(one), theirs, past]).ended == [as_listed(one)]
    assert 'host="data1" (dba: move: PostgreSQL moves)' in plan.plan([], [as_listed(one)]).before


def test_second_silence_of_the_same_ends() -> None:
    [one] = given()

    assert len(plan.plan([one], [as_listed(one), as_listed(one, id="2")]).ended) == 1
