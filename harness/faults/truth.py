"""The journal of faults: what was wrong on purpose and when, the only place where that is known.

One JSON line for each event, appended on the controller by whatever injects and undoes. A fault whose undoing
was never written, because its host undid it by itself, is over at its deadline.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import STATE
from harness.faults.fault import Fault

JOURNAL = STATE / "faults.jsonl"
INJECTED, UNDONE, QUIET = "injected", "undone", "quiet"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A fault that was there, and the alerts that it explains. Moments are seconds since the epoch."""

    fault: str
    began: float
    ended: float
    proves: tuple[str, ...]
    may: tuple[str, ...] = ()
    service: str = ""
    """Whose alerts they are, where the fault has a service of its own."""


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """A time under healthy load without a fault: what fired in it, and who was told of what."""

    began: float
    ended: float
    fired: tuple[str, ...]
    told: tuple[str, ...]


def injected(fault: Fault, began: float) -> None:
    """Write that a fault is there since then."""
    told = {"fault": fault.name, "hosts": fault.hosts, "proves": fault.proves, "may": fault.may}
    told |= {"service": fault.service} if fault.service else {}
    _append({"event": INJECTED, "at": began, "until": began + fault.lasts_s, **told})


def undone(name: str) -> None:
    """Write that a fault is there no more."""
    _append({"event": UNDONE, "at": time.time(), "fault": name})


def quiet(began: float, ended: float, fired: Sequence[str], told: Sequence[str]) -> None:
    """Write what happened while nothing was wrong."""
    _append({"event": QUIET, "at": began, "until": ended, "fired": fired, "told": told})


def read(path: Path | None = None) -> tuple[list[Truth], list[Quiet]]:
    """Every fault and every quiet time that was written; none where there is no journal."""
    path = path or JOURNAL
    found: list[Truth] = []
    calm: list[Quiet] = []
    for number, line in enumerate(_lines(path), 1):
        try:
            found = _told(line, found, calm)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}: line {number}: expected an event of the journal, found {line!r} ({error!r}); "
                "move the file away"
            ) from error
    return found, calm


def _told(line: dict[str, Any], found: list[Truth], calm: list[Quiet]) -> list[Truth]:
    """The faults as they are known after one line; a quiet time is added to the others."""
    if line["event"] == INJECTED:
        one = Truth(
            fault=line["fault"],
            began=float(line["at"]),
            ended=float(line["until"]),
            proves=tuple(line["proves"]),
            may=tuple(line["may"]),
            service=line.get("service", ""),
        )
        return [*found, one]
    if line["event"] == QUIET:
        said = {"fired": tuple(line["fired"]), "told": tuple(line["told"])}
        calm.append(Quiet(began=float(line["at"]), ended=float(line["until"]), **said))
        return found
    if line["event"] == UNDONE:
        return [_over(one, line["fault"], float(line["at"])) for one in found]
    raise ValueError(f"no event is called {line['event']}")


def _over(truth: Truth, name: str, at: float) -> Truth:
    if truth.fault != name or not truth.began <= at < truth.ended:
        return truth
    return replace(truth, ended=at)


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        written = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    try:  # the last line may be half written
        return [json.loads(line) for line in written if line.endswith("\n")]
    except ValueError as error:
        raise UserError(
            f"{path}: expected one JSON object a line, found {error}; move the file away"
        ) from error


def _append(event: dict[str, Any]) -> None:
    """One write for one line, so that two writers do not mix theirs."""
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")
