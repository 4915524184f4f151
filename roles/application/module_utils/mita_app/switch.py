"""Make one release live on this host, or leave the host on the release it had."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from . import history, modes
from .errors import ReleaseError
from .history import Entry, Event
from .layout import Layout
from .readiness import Answer, Demand, no_less_than


class Running(Protocol):
    """What a switch asks of the service."""

    def restart(self, *, takes_socket: bool) -> None: ...
    def stop(self) -> None: ...
    def answer(self) -> Answer: ...
    def wait_for(self, version: str, demand: Demand) -> Answer: ...


@dataclass(frozen=True)
class Request:
    """What is wanted: `by` is deploy or rollback; a rollback rejects the version it leaves.

    `kept` are the releases that stay on the host after a deployment; without it all do.
    """

    version: str
    by: str
    check_mode: bool = False
    kept: Sequence[str] | None = None

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
    broken: list[str] = field(default_factory=list)
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
    before = service.answer()
    outcome.broken = before.broken
    outcome.restarted = previous != wanted.version or not serves(before, wanted)
    missing = missing_entries(history.read(layout.history), wanted, now)
    outcome.changed = outcome.restarted or bool(missing)
    if wanted.check_mode:
        return outcome
    if outcome.restarted:
        outcome.broken = start(layout, service, wanted, before, now).broken
    elif not before.ready:  # an interrupted rollback came this far
        outcome.broken = service.wait_for(wanted.version, no_less_than(before)).broken
    if missing:
        history.append(layout.history, missing)
    if wanted.by == "deploy" and wanted.kept is not None:
        outcome.pruned = prune(layout, wanted.kept)
    outcome.changed = outcome.changed or bool(outcome.pruned)
    return outcome


def serves(answer: Answer, wanted: Request) -> bool:
    """Whether the service needs no restart: a deployment wants it ready, a rollback only the version."""
    return answer.version == wanted.version and (answer.ready or wanted.rejects)


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
    layout: Layout, service: Running, wanted: Request, before: Answer, now: Callable[[], str]
) -> Answer:
    """Switch, restart and wait; a release that does not get ready is left again.

    A deployment has to be ready. A rollback, and a host that is put back, only no less than it was.
    """
    previous, least = layout.current_version(), no_less_than(before)
    with suppress(OSError):  # files that the service cannot read are told by the service
        modes.open_tree(layout.releases / wanted.version)
    try:
        layout.point_at(wanted.version)
        service.restart(takes_socket=layout.takes_socket(wanted.version))
        return service.wait_for(wanted.version, least if wanted.rejects else Demand())
    except ReleaseError as error:
        history.append(
            layout.history,
            [Entry(now(), Event.FAILED, wanted.version, wanted.by, str(error).splitlines()[0])],
        )
        raise ReleaseError(f"{error}\n{put_back(layout, service, wanted, previous, least)}") from error


def put_back(layout: Layout, service: Running, wanted: Request, previous: str | None, least: Demand) -> str:
    """Bring the previous release back and return a sentence about how the host is now."""
    if previous == wanted.version:
        return f"{wanted.version} was live before; there is nothing to put back."
    layout.point_at(previous)
    try:
        if previous is None:
            service.stop()
            return "There was no release before: the service is stopped."
        service.restart(takes_socket=layout.takes_socket(previous))
        answer = service.wait_for(previous, least)
    except ReleaseError as error:
        return f"This host was put back to {previous}, which is not ready either: {error}"
    if answer.ready:
        return f"This host is back on {previous} and ready."
    return f"This host is back on {previous}, as ready as it was: {', '.join(answer.broken)} do not work."


def prune(layout: Layout, kept: Sequence[str]) -> list[str]:
    """Remove other releases than these and the live one, their archives, and what unpacking left behind."""
    stay = {*kept, layout.current_version()}
    doomed = [layout.releases / version for version in layout.complete() if version not in stay]
    doomed += layout.leftovers()
    for entry in doomed:
        layout.remove(entry)
    for version in layout.kept_archives():
        if version not in stay:
            layout.archive(version).unlink()
    return sorted(entry.name for entry in doomed)
