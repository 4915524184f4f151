"""What all hosts have decides what a deployment or a rollback does, before one of them changes."""

import pytest
from ansible.errors import AnsibleFilterError

from roles.application.filter_plugins.mita_app import moving_hosts, rollback_target, staging_hosts


def survey(current: str | None, known_good: str | None = None, *complete: str) -> dict[str, object]:
    return {
        "current": current,
        "known_good": known_good,
        "complete": {version: f"sha-{version}" for version in complete},
    }


def test_hosts_that_run_another_release_move() -> None:
    surveys = {"a": survey("1"), "b": survey("2"), "c": survey(None)}

    assert moving_hosts(surveys, "2") == ["a", "c"]


def test_hosts_without_this_very_release_get_the_archive() -> None:
    surveys = {"a": survey("1", None, "1", "2"), "b": survey("1", None, "1"), "c": survey(None)}

    assert staging_hosts(surveys, "2", "sha256:sha-2") == ["b", "c"]
    assert staging_hosts(surveys, "2", "sha256:new") == ["a", "b", "c"]


def test_live_release_from_another_archive_is_refused_with_the_host() -> None:
    with pytest.raises(AnsibleFilterError, match=r"expected version 1 on a .*found it live from sha-1"):
        staging_hosts({"a": survey("1", None, "1")}, "1", "sha256:new")


def test_hosts_that_agree_go_back_to_their_last_good_release() -> None:
    surveys = {"a": survey("2", "1", "1", "2"), "b": survey("2", "1", "1", "2")}

    assert rollback_target(surveys, "") == "1"
    assert rollback_target(surveys, "2") == "2"


@pytest.mark.parametrize(
    ("surveys", "wanted", "words"),
    [
        ({"a": survey("2", "1", "1"), "b": survey("1", "0", "1")}, "", "found 2 on a, 1 on b; say with -e"),
        ({"a": survey("2", "1", "1"), "b": survey("2", None, "1")}, "", "found 1 on a, none on b"),
        ({"a": survey("2", None, "2"), "b": survey("2", None, "2")}, "", "found none on a, none on b"),
        ({"a": survey("2", "1", "1"), "b": survey("2", "0", "0")}, "", "found 1 on a, 0 on b"),
        ({"a": survey("2", "1", "1"), "b": survey("2", "1", "2")}, "1", "found on b only 2"),
        ({"a": survey("2", "1", "1")}, "9", "expected the release 9 on every host, found on a only 1"),
    ],
)
def test_rollback_that_not_every_host_can_do_is_refused(
    surveys: dict[str, dict[str, object]], wanted: str, words: str
) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        rollback_target(surveys, wanted)
