"""Make one release live on this host, or leave the host on the release it had."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from . import history
from .errors import ReleaseError
from .history import Entry, Event
from .layout import Layout


class Running(Protocol):
    """What a switch asks of the service."""

    def restart(self) -> None: ...
    def stop(self) -> None: ...
    def answers(self, version: str) -> tuple[bool, str]: ...
    def wait_for(self, version: str) -> None: ...


@dataclass(frozen=True)
class Request:
    """What is wanted: `by` is deploy or rollback; a rollback rejects the version it leaves."""

    version: str
    by: str
    keep: int
    check_mode: bool = False

    @property
    def rejects(self) -> bool:
        """Whether the version that was live must not be gone back to."""
        return self.by == "rollback"


@dataclass
class Outcome:
    """What happened."""

    changed: bool = False
    version: str = ""
    previous: str | None = None
    restarted: bool = False
    pruned: list[str] = field(default_factory=list)


def go_live(layout: Layout, service: Running, wanted: Request, now: Callable[[], str]) -> Outcome:
    """Have the wanted release live and ready; on failure put the host back and raise ReleaseError.

    Safe to repeat after an interruption at any point: the link, the running version and the history are each
    compared with what is wanted.
    """
    if wanted.version not in layout.complete():
        if wanted.check_mode:  # it would be unpacked before
            return Outcome(True, wanted.version, layout.current_version(), True)
        raise ReleaseError(
            f"expected the release {wanted.version} in {layout.releases}, found "
            f"{', '.join(layout.complete()) or 'none'}; deploy it first, or give app_version one of these"
        )
    previous = layout.current_version()
    outcome = Outcome(version=wanted.version, previous=previous)
    switched = previous != wanted.version
    outcome.restarted = switched or not service.answers(wanted.version)[0]
    missing = missing_entries(history.read(layout.history), wanted, now)
    outcome.changed = outcome.restarted or bool(missing)
    if wanted.check_mode:
        return outcome
    if outcome.restarted:
        start(layout, service, wanted, previous, now)
    if missing:
        history.append(layout.history, missing)
    outcome.pruned = prune(layout, wanted) if wanted.by == "deploy" else []
    outcome.changed = outcome.changed or bool(outcome.pruned)
    return outcome


def missing_entries(entries: Sequence[Entry], wanted: Request, now: Callable[[], str]) -> list[Entry]:
    """Return what the history has to say once the wanted version is live, and does not say yet."""
    left = history.last_live(entries)
    missing = []
    if left != wanted.version or history.status(entries).get(left) != Event.LIVE:
        missing.append(Entry(now(), Event.LIVE, wanted.version, wanted.by))
    if wanted.rejects and left and left != wanted.version:
        missing.append(Entry(now(), Event.REJECTED, left, wanted.by, f"left for {wanted.version}"))
    return missing


def start(
    layout: Layout, service: Running, wanted: Request, previous: str | None, now: Callable[[], str]
) -> None:
    """Switch, restart and wait; a release that does not get ready is left again."""
    try:
        layout.point_at(wanted.version)
        service.restart()
        service.wait_for(wanted.version)
    except ReleaseError as error:
        history.append(
            layout.history,
            [Entry(now(), Event.FAILED, wanted.version, wanted.by, str(error).splitlines()[0])],
        )
        raise ReleaseError(f"{error}\n{put_back(layout, service, wanted, previous)}") from error


def put_back(layout: Layout, service: Running, wanted: Request, previous: str | None) -> str:
    """Bring the previous release back and return a sentence about how the host is now."""
    if previous == wanted.version:
        return f"{wanted.version} was live before; there is nothing to put back."
    layout.point_at(previous)
    try:
        if previous is None:
            service.stop()
            return "There was no release before: the service is stopped."
        service.restart()
        service.wait_for(previous)
    except ReleaseError as error:
        return f"This host was put back to {previous}, which is not ready either: {error}"
    return f"This host is back on {previous} and ready."


def prune(layout: Layout, wanted: Request) -> list[str]:
    """Remove all but the newest releases. The live one and the one to go back to stay, whatever their age."""
    complete = layout.complete()
    entries = history.read(layout.history)
    current = layout.current_version()
    newest = sorted(complete, key=lambda version: -(layout.releases / version).stat().st_mtime)
    needed = [version for version in (current, history.known_good(entries, complete, current)) if version]
    kept = set(list(dict.fromkeys(needed + newest))[: max(wanted.keep, len(needed))])
    doomed = [layout.releases / version for version in complete if version not in kept] + layout.leftovers()
    for entry in doomed:
        layout.remove(entry)
    return sorted(entry.name for entry in doomed)
