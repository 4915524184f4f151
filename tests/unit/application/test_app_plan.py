"""What all hosts have decides what a deployment does, before one of them changes."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from roles.application.filter_plugins.mita_app import kept_releases, moving_hosts, staging_hosts


def survey(current: str | None, *complete: str, **other: Any) -> dict[str, Any]:
    return {
        "current": current,
        "known_good": None,
        "complete": {version: f"sha-{version}" for version in complete},
        "archives": list(complete),
        "status": {},
        "live_at": {},
        **other,
    }


def test_hosts_that_run_another_release_move() -> None:
    surveys = {"a": survey("1"), "b": survey("2"), "c": survey(None)}

    assert moving_hosts(surveys, "2") == ["a", "c"]


def test_hosts_without_this_very_release_or_its_archive_get_the_archive() -> None:
    surveys = {
        "a": survey("1", "1", "2"),
        "b": survey("1", "1"),
        "c": survey(None),
        "d": survey("1", "1", "2", archives=["1"]),
    }

    assert staging_hosts(surveys, "2", "sha256:sha-2") == ["b", "c", "d"]
    assert staging_hosts(surveys, "2", "sha256:new") == ["a", "b", "c", "d"]


def test_live_release_from_another_archive_is_refused_with_the_host() -> None:
    with pytest.raises(AnsibleFilterError, match=r"expected version 1 on a .*found it live from sha-1"):
        staging_hosts({"a": survey("1", "1")}, "1", "sha256:new")


LIVE = {f"{number}": f"2026-01-0{number}" for number in range(1, 9)}


def test_releases_that_the_daemon_wants_stay_and_rejected_ones_go_first_on_every_host() -> None:
    surveys = {
        "a": survey("8", "1", "2", "5", "6", "7", "8", live_at=LIVE, status={"7": "live"}),
        "b": survey("8", "1", "2", "5", "6", "8", live_at={"2": "2026-02-01"}),
    }
    registered = {"keep": ["1"], "rejected": ["7", "6"]}

    assert kept_releases(surveys, "9", registered, 5) == ["9", "1", "8", "2", "5"]


def test_wanted_releases_stay_however_few_may() -> None:
    registered = {"keep": ["1", "2", "3"], "rejected": []}

    assert kept_releases({"a": survey("4", "1", "2", "3", "4")}, "5", registered, 1) == [
        "5",
        "1",
        "2",
        "3",
        "4",
    ]


def test_without_a_daemon_the_histories_of_all_hosts_decide() -> None:
    surveys = {
        "a": survey("8", *LIVE, live_at=LIVE, known_good="3", status={"7": "rejected"}),
        "b": survey("8", *LIVE, live_at=LIVE, known_good="2", status={"6": "failed"}),
    }

    assert kept_releases(surveys, "9", None, 6) == ["9", "8", "3", "2", "5", "4"]


def test_releases_that_were_never_live_go_before_those_that_were() -> None:
    surveys = {"a": survey("1", "1", "2", "3", live_at={"2": "2026-01-01"})}

    assert kept_releases(surveys, "1", None, 2) == ["1", "2"]
