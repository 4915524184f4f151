"""The line that `systemctl status` shows: how the daemon is, what it does, and who does not answer."""

from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.errors import StoreUnavailable
from rollback.domain.ports import SourceState
from rollback.domain.rollback import Claimed, Restored
from rollback.domain.stored import Step
from rollback.service.narrating import Narrator


class Scene:
    def __init__(self, store: SqliteStore, clock: Any, monitoring: Any, make: Any) -> None:
        self.store, self.clock, self.make = store, clock, make
        self.trouble: list[str] = []
        self.sources = {"prometheus": True, "alertmanager": True}
        monitoring.sources = lambda: [
            SourceState(name=name, reachable=well, failures=0) for name, well in self.sources.items()
        ]
        self.kept = False
        self.narrator = Narrator(
            store, clock, monitoring, make.policy, lambda: self.trouble, lambda: self.kept
        )


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, make)


def test_a_quiet_daemon_says_for_what_it_is_ready(scene: Scene) -> None:
    assert scene.narrator.line() == "ready; 0 services"
    scene.make.live(scene.store, "1", minutes=-60)
    assert scene.narrator.line() == "ready; 1 service"


def test_a_rollback_is_followed_step_by_step(scene: Scene) -> None:
    scene.make.live(scene.store, "1", minutes=-60, good=True)
    scene.make.live(scene.store, "2", minutes=0)
    pending = scene.make.pending(scene.store, scene.make.alert().starts_at)
    what = "ready; 1 service; rolling back shop 2 -> 1"
    assert scene.narrator.line() == f"{what}, not yet begun"

    running = pending.apply(Claimed(at=scene.clock.now()))
    scene.store.move(pending, running, ())
    for host, step in (("all", "gate"), ("app1", "switch"), ("app1", "host"), ("app2", "switch")):
        scene.store.add_step(running, Step(at=scene.clock.now(), host=host, step=step, status="started"))
    assert scene.narrator.line() == f"{what}, step switch app2"

    scene.store.move(running, running.apply(Restored(at=scene.clock.now(), results=())), ())
    assert scene.narrator.line() == f"{what}, measuring"


def test_who_does_not_answer_is_named_with_since_when(scene: Scene) -> None:
    scene.sources["prometheus"] = False
    scene.clock.move(1)
    assert scene.narrator.line() == "blind; 0 services; Prometheus does not answer since 12:01 UTC"
    scene.clock.move(1)
    assert scene.narrator.line().endswith("since 12:01 UTC")

    scene.sources |= {"prometheus": True, "alertmanager": False}
    assert scene.narrator.line() == "ready; 0 services; Alertmanager does not answer since 12:02 UTC"


def test_what_makes_it_not_ready_comes_first(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.trouble = ["decide has ended"]
    assert scene.narrator.line() == "not ready: decide has ended; 0 services"

    def away(*_: Any) -> Any:
        raise StoreUnavailable("The database could not be read: disk I/O error.")

    monkeypatch.setattr(scene.store, "in_phase", away)
    assert scene.narrator.line() == "not ready: The database could not be read: disk I/O error."


def test_settings_that_cannot_be_used_are_said_until_they_can(scene: Scene) -> None:
    scene.kept = True

    assert (
        scene.narrator.line() == "ready; 0 services; the settings on disk cannot be used, the former ones are"
    )


def test_a_long_line_is_cut(scene: Scene) -> None:
    scene.trouble = ["x" * 1000]
    assert len(scene.narrator.line()) == 300
