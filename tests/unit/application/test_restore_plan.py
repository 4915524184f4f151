"""What each host has decides how it is restored, and what came of it decides how the rollback ended."""

from typing import Any

import pytest

from roles.application.filter_plugins.mita_restore import (
    planned,
    restore_outcome,
    restore_plan,
    too_many_failed,
    ways_back,
)

SHA = {version: version * 64 for version in "12"}


def survey(current: str | None, *complete: str, **other: Any) -> dict[str, Any]:
    return {
        "current": current,
        "running": current,
        "known_good": "1",
        "complete": {version: SHA.get(version, "f" * 64) for version in complete},
        "archives": list(complete),
        "status": {},
        "damage": "",
        "own_archive": "",
        **other,
    }


GONE = {"unreachable": True, "msg": "Task failed: no route to host"}
BROKEN = {"failed": True, "msg": "expected /opt on this host"}
BAD = survey("2", "1", "2")


def plan(surveys: dict[str, dict[str, Any]], **said: Any) -> dict[str, Any]:
    given = {"version": "1", "leaving": "2", "checksum": "", "only": [], **said}
    return restore_plan(surveys, *given.values())


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (BAD, "restore"),
        (survey(None, "1"), "restore"),
        (survey("1", "1", "2"), "already"),
        (survey("1", "1", running="2"), "restore"),  # an interrupted rollback had moved the link
        (survey("1", "1", running=None), "restore"),
        (survey("1", "1", running=None, damage="files differ"), "failed"),
        (survey("2", "2"), "bring"),
        (survey("2", "1", "2", damage="files differ"), "bring"),
        (GONE, "unreachable"),
        (BROKEN, "failed"),
    ],
)
def test_each_host_is_restored_as_what_it_has_allows(found: dict[str, Any], status: str) -> None:
    assert plan({"other": BAD, "one": found})["hosts"] == {"other": "restore", "one": status}


def test_release_that_nobody_can_give_is_lacking_with_what_is_there() -> None:
    made = plan({"one": survey("2", "2", "0"), "two": survey("2", "1", "2", archives=[])})

    assert made["hosts"] == {"one": "lacking", "two": "restore"}
    assert made["details"]["one"] == "1 is not here, only 2, 0, and no host keeps its archive"


def test_hosts_own_archive_is_enough_if_it_is_the_one_that_others_have() -> None:
    own = survey("2", "2", own_archive=SHA["1"])

    assert plan({"one": own, "two": survey("2", "1", archives=[])})["hosts"]["one"] == "bring"
    assert plan({"one": own}, checksum=f"sha256:{SHA['1']}")["hosts"] == {"one": "bring"}
    assert plan({"one": own}, checksum=f"sha256:{SHA['2']}")["hosts"] == {"one": "lacking"}


def test_release_from_another_archive_than_the_pinned_one_is_not_gone_back_to() -> None:
    made = plan({"one": BAD}, checksum=f"sha256:{SHA['2']}")

    assert made["hosts"] == {"one": "lacking"}
    assert made["details"]["one"].startswith("1 was made from another archive")


def test_donor_is_a_host_that_answers_also_when_it_is_not_to_be_restored() -> None:
    made = plan({"one": survey("2", "2"), "gone": GONE, "two": survey("1", "1")}, only=["one"])

    assert (made["donor"], made["hosts"]) == ("two", {"one": "bring"})
    assert made["checksum"] == f"sha256:{SHA['1']}"


def test_daemon_is_told_of_the_hosts_that_are_not_switched() -> None:
    made = plan({"one": BAD, "two": survey("1", "1"), "gone": GONE}, only=["one", "two", "gone"])

    assert made["steps"] == [
        {"host": "two", "step": "host", "status": "done", "detail": "already"},
        {"host": "gone", "step": "host", "status": "unreachable", "detail": "no route to host"},
    ]


def test_hosts_that_run_something_else_stop_everything_and_are_named() -> None:
    made = plan({"one": BAD, "two": survey("3", "1", "3"), "gone": GONE})

    assert "expected 2 or 1 to be live on every host, found 3 on two" in made["refusal"]
    assert made["steps"] == []


@pytest.mark.parametrize(
    ("surveys", "words"),
    [
        ({"a": survey("2", "1"), "b": survey("1", "1")}, "found 2 on a, 1 on b; say with -e"),
        ({"a": survey("2", "1"), "b": survey("2", known_good=None, status={"1": "rejected"})}, "none on b"),
        ({"a": survey("2", "2", known_good=None), "b": survey(None)}, "found none on a;"),
        ({"a": survey("2", "1"), "b": survey("2", "1", known_good="0")}, "found 1 on a, 0 on b"),
        ({"a": GONE}, "found no host with a release"),
    ],
)
def test_target_that_hosts_do_not_agree_on_has_to_be_named(surveys: dict[str, Any], words: str) -> None:
    assert words in plan(surveys, version="", leaving="")["refusal"]


def test_hosts_that_agree_need_no_version_and_a_dead_one_has_no_say() -> None:
    made = plan({"a": BAD, "b": BAD, "gone": GONE}, version="", leaving="")

    assert (made["version"], made["refusal"]) == ("1", "")
    assert planned(made) == "to 1; a: goes back; b: goes back; gone: does not answer"


@pytest.mark.parametrize("joined", [survey("2", "2", known_good=None), survey(None, known_good=None)])
def test_host_that_joined_does_not_keep_the_others_from_going_back(joined: dict[str, Any]) -> None:
    made = plan({"a": BAD, "new": joined}, version="", leaving="")

    assert (made["version"], made["refusal"]) == ("1", "")
    assert made["hosts"] == {"a": "restore", "new": "bring"}


def test_archive_in_the_cache_of_the_playbook_is_as_good_as_a_hosts() -> None:
    surveys = {"a": survey("2", "1", "2", archives=[]), "new": survey("2", "2")}

    assert plan(surveys, cached=[SHA["2"]])["hosts"]["new"] == "lacking"
    assert plan(surveys, cached=[SHA["1"]])["hosts"]["new"] == "bring"


def test_deployment_finds_who_lacks_the_way_back_and_who_can_give_it() -> None:
    surveys = {"old": survey("1", "0", "1", known_good="0"), "new": survey(None, known_good=None)}

    assert ways_back(surveys, "2", None) == [
        {"version": "1", "checksum": f"sha256:{SHA['1']}", "donor": "old", "given": True, "hosts": ["new"]},
        {"version": "0", "checksum": "sha256:" + "f" * 64, "donor": "old", "given": True, "hosts": ["new"]},
    ]
    assert [way["version"] for way in ways_back(surveys, "1", None)] == ["0"]
    assert ways_back({"old": surveys["old"]}, "2", None) == []


def test_daemon_says_what_is_wanted_later_and_only_the_nearest_is_brought() -> None:
    surveys = {"a": survey("3", "0", "1", "2", "3"), "new": survey(None)}
    keep = {"keep": ["3", "2", "1", "0"]}

    assert [way["version"] for way in ways_back(surveys, "4", keep)] == ["3", "2"]
    assert [way["version"] for way in ways_back(surveys, "3", keep)] == ["2", "1"]


def test_release_that_a_host_left_as_bad_is_no_way_back() -> None:
    surveys = {"a": survey("1", "1", status={"1": "failed"}), "new": survey(None, known_good=None)}

    assert ways_back(surveys, "2", None) == []


def test_way_back_that_nobody_keeps_is_named_without_a_source() -> None:
    surveys = {"a": survey("2", "1", "2", archives=[]), "new": survey("2", "2", known_good=None)}

    [way] = ways_back(surveys, "2", None, cached=[SHA["2"]])

    assert (way["version"], way["donor"], way["given"], way["hosts"]) == ("1", "", False, ["new"])
    assert ways_back(surveys, "2", None, cached=[SHA["1"]])[0]["given"]
    assert ways_back({"new": surveys["new"]}, "2", {"keep": ["1"]})[0]["checksum"] == ""


FAILED, DONE = {"failed": True, "msg": "expected it to get ready\nits journal"}, {"changed": True}


@pytest.mark.parametrize(
    ("results", "stops"),
    [
        ({}, False),
        ({"a": DONE}, False),
        ({"a": FAILED}, True),
        ({"a": GONE}, False),
        ({"a": GONE, "b": FAILED}, True),
        ({"a": DONE, "b": DONE, "c": DONE, "d": FAILED}, False),
        ({"a": DONE, "b": DONE, "c": FAILED, "d": GONE}, True),
        ({"stranger": FAILED}, False),
    ],
)
def test_rollback_stops_at_a_share_of_failures_among_hosts_that_answered(
    results: dict[str, Any], stops: bool
) -> None:
    assert too_many_failed(results, list("abcd"), 25) is stops


def outcome(made: dict[str, Any], unbrought: dict[str, Any], switches: dict[str, Any]) -> tuple[Any, bool]:
    found = restore_outcome(made, unbrought, switches)
    return found["hosts"], found["ok"]


def test_host_that_dies_or_lacks_is_no_failure_of_the_rollback() -> None:
    made = plan({"a": BAD, "b": BAD, "c": survey("2", "2"), "gone": GONE})

    ends, ok = outcome(made, {"c": FAILED}, {"a": DONE, "b": GONE})

    assert (ends, ok) == ({"a": "done", "b": "unreachable", "c": "lacking", "gone": "unreachable"}, True)
    lines = restore_outcome(made, {"c": FAILED}, {"a": DONE, "b": GONE})["lines"]
    assert lines[:2] == ["restored in part: 1 of 4 hosts run 1, not b, c, gone", "a: done"]


@pytest.mark.parametrize(
    "switches", [{"a": FAILED}, {"a": FAILED, "b": DONE}, {"a": GONE, "b": GONE}, {"a": DONE}]
)
def test_rollback_fails_with_a_failed_host_an_untouched_one_or_none_that_is_done(
    switches: dict[str, Any],
) -> None:
    assert not outcome(plan({"a": BAD, "b": BAD}), {}, switches)[1]


def test_host_that_ran_the_release_already_is_done() -> None:
    made = plan({"a": survey("1", "1")})

    assert outcome(made, {}, {}) == ({"a": "done"}, True)
    assert restore_outcome(made, {}, {})["lines"] == ["a: done (already)"]
