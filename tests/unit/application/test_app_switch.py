"""A host ends on the release that was asked for, or on the one it had; the history says which and why."""

import json
from collections.abc import Callable, Sequence

import pytest

from roles.application.module_utils.mita_app import history, modes
from roles.application.module_utils.mita_app.errors import ReleaseError
from roles.application.module_utils.mita_app.layout import Layout
from roles.application.module_utils.mita_app.switch import Outcome, Request, go_live

from .conftest import FakeService, put

Go = Callable[..., Outcome]


@pytest.fixture
def go(layout: Layout, service: FakeService) -> Go:
    """Make a version live, at a time that never repeats."""
    ticks = iter(range(10_000))

    def run(
        version: str, by: str = "deploy", *, kept: Sequence[str] | None = None, check_mode: bool = False
    ) -> Outcome:
        return go_live(layout, service, Request(version, by, check_mode, kept), lambda: f"t{next(ticks)}")

    return run


@pytest.fixture
def two_releases(layout: Layout, go: Go) -> None:
    for version in ("1.0.0", "2.0.0"):
        put(layout, version)
        go(version)


def told(layout: Layout) -> list[tuple[str, str]]:
    return [(entry.event, entry.version) for entry in history.read(layout.history)]


def good(layout: Layout) -> str | None:
    return history.known_good(history.read(layout.history), layout.complete(), layout.current_version())


def test_first_release_goes_live(layout: Layout, service: FakeService, go: Go) -> None:
    put(layout, "1.0.0")

    outcome = go("1.0.0")

    assert (outcome.changed, outcome.previous, layout.current_version()) == (True, None, "1.0.0")
    assert told(layout) == [("live", "1.0.0")]


def test_live_release_again_changes_and_restarts_nothing(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    before = list(service.did)

    outcome = go("2.0.0")

    assert (outcome.changed, outcome.restarted, service.did) == (False, False, before)


def test_live_release_that_does_not_answer_is_started(
    two_releases: None, service: FakeService, go: Go
) -> None:
    service.runs = None

    assert go("2.0.0").restarted


def test_bad_release_leaves_the_host_on_the_one_it_had(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    put(layout, "3.0.0")
    service.bad = {"3.0.0"}

    with pytest.raises(ReleaseError, match=r"back on 2\.0\.0 and ready"):
        go("3.0.0")

    assert (layout.current_version(), service.runs) == ("2.0.0", "2.0.0")
    assert told(layout)[-1] == ("failed", "3.0.0")


def test_bad_first_release_leaves_the_service_stopped(layout: Layout, service: FakeService, go: Go) -> None:
    put(layout, "1.0.0")
    service.bad = {"1.0.0"}

    with pytest.raises(ReleaseError, match="the service is stopped"):
        go("1.0.0")

    assert (layout.current_version(), service.did[-1]) == (None, "stop")


def test_previous_release_that_fails_too_is_said(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    put(layout, "3.0.0")
    service.bad = {"2.0.0", "3.0.0"}

    with pytest.raises(ReleaseError, match=r"put back to 2\.0\.0, which is not ready either"):
        go("3.0.0")


def test_unknown_release_is_refused_with_those_that_are_here(two_releases: None, go: Go) -> None:
    with pytest.raises(ReleaseError, match=r"expected the release 9.*found 1\.0\.0, 2\.0\.0"):
        go("9")


def test_rollback_rejects_what_it_leaves(two_releases: None, layout: Layout, go: Go) -> None:
    assert good(layout) == "1.0.0"

    go("1.0.0", "rollback")

    assert layout.current_version() == "1.0.0"
    assert told(layout)[-2:] == [("live", "1.0.0"), ("rejected", "2.0.0")]
    assert good(layout) is None


def test_release_that_is_no_longer_here_is_nothing_to_go_back_to(two_releases: None, layout: Layout) -> None:
    layout.remove(layout.releases / "1.0.0")

    assert good(layout) is None


def test_deployment_back_to_an_older_release_rejects_nothing(
    two_releases: None, layout: Layout, go: Go
) -> None:
    go("1.0.0", "deploy")

    assert good(layout) == "2.0.0"


def test_rejected_release_is_good_again_once_it_was_deployed_again(
    two_releases: None, layout: Layout, go: Go
) -> None:
    go("1.0.0", "rollback")
    go("2.0.0", "deploy")
    put(layout, "3.0.0")
    go("3.0.0")

    assert good(layout) == "2.0.0"


@pytest.mark.parametrize("reached", ["linked", "restarted"])
def test_interrupted_rollback_is_finished_by_the_next(
    two_releases: None, layout: Layout, service: FakeService, go: Go, reached: str
) -> None:
    layout.point_at("1.0.0")
    if reached == "restarted":
        service.restart(takes_socket=False)

    outcome = go("1.0.0", "rollback")

    assert (outcome.changed, service.runs) == (True, "1.0.0")
    assert told(layout)[-2:] == [("live", "1.0.0"), ("rejected", "2.0.0")]
    assert not go("1.0.0", "rollback").changed


def test_history_line_that_a_crash_cut_short_is_no_entry(two_releases: None, layout: Layout, go: Go) -> None:
    with layout.history.open("a") as stream:
        stream.write('{"at": "t9", "event": "rej')

    go("1.0.0", "rollback")

    lines = layout.history.read_text().splitlines()
    assert told(layout)[-1] == ("rejected", "2.0.0")
    assert [json.loads(line)["event"] for line in lines[-2:]] == ["live", "rejected"]


def test_check_mode_says_what_would_happen_and_does_nothing(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    before = list(service.did)

    assert go("1.0.0", check_mode=True).changed
    assert go("9.9.9", check_mode=True).changed
    assert not go("2.0.0", check_mode=True).changed

    assert (layout.current_version(), service.did) == ("2.0.0", before)


def test_deployment_keeps_what_it_is_told_to_and_the_live_one_with_their_archives(
    layout: Layout, go: Go
) -> None:
    for number in range(1, 5):
        put(layout, f"{number}.0.0")
    (layout.releases / ".8.0.0.part").mkdir()
    layout.archive("9.0.0").touch()

    outcome = go("3.0.0", kept=["1.0.0", "7.0.0"])

    assert sorted(layout.complete()) == layout.kept_archives() == ["1.0.0", "3.0.0"]
    assert outcome.pruned == [".8.0.0.part", "2.0.0", "4.0.0"]


def test_deployment_that_is_told_nothing_keeps_everything(two_releases: None, layout: Layout, go: Go) -> None:
    put(layout, "3.0.0")

    assert go("3.0.0").pruned == []


def test_rollback_removes_nothing(two_releases: None, layout: Layout, go: Go) -> None:
    assert go("1.0.0", "rollback", kept=[]).pruned == []
    assert sorted(layout.complete()) == ["1.0.0", "2.0.0"]


def test_rollback_demands_no_more_than_what_it_leaves_had(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    service.broken = {"1.0.0": {"redis"}, "2.0.0": {"redis"}}

    outcome = go("1.0.0", "rollback")

    assert (layout.current_version(), outcome.broken) == ("1.0.0", ["redis"])


def test_rollback_to_a_release_that_is_less_ready_puts_the_host_back(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    service.broken = {"1.0.0": {"database"}, "2.0.0": {"redis"}}

    with pytest.raises(ReleaseError, match=r"back on 2\.0\.0, as ready as it was: redis do not work"):
        go("1.0.0", "rollback")

    assert layout.current_version() == "2.0.0"


def test_rollback_from_a_release_that_says_nothing_demands_only_the_version(
    two_releases: None, service: FakeService, go: Go
) -> None:
    service.bad, service.broken = {"2.0.0"}, {"1.0.0": {"database", "redis"}}

    assert go("1.0.0", "rollback").restarted


def test_deployment_demands_everything_whatever_was_there(
    two_releases: None, layout: Layout, service: FakeService, go: Go
) -> None:
    put(layout, "3.0.0")
    service.broken = {"2.0.0": {"redis"}, "3.0.0": {"redis"}}

    with pytest.raises(ReleaseError, match=r"back on 2\.0\.0"):
        go("3.0.0")


def test_release_starts_on_the_socket_that_is_left_only_if_it_knows_how(
    layout: Layout, service: FakeService, go: Go
) -> None:
    for version, manifest in (("1.0.0", {}), ("2.0.0", {"socket": True}), ("3.0.0", [])):
        put(layout, version)
        (layout.releases / version / "manifest.json").write_text(json.dumps(manifest))
        go(version)

    assert service.did == ["restart 1.0.0", "restart 2.0.0 on its socket", "restart 3.0.0"]


def test_release_that_the_service_cannot_read_is_opened_before_it_goes_live(
    layout: Layout, service: FakeService, go: Go
) -> None:
    put(layout, "1.0.0")
    (layout.releases / "1.0.0").chmod(0o750)

    go("1.0.0")

    assert modes.closed(layout.releases / "1.0.0") == []
