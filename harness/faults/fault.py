"""A fault of a host as data: what is done, which alerts it proves, and how it is undone.

The files of `catalogue/` have one entry each:

    disk-full:                            # real is one of kinds.py
      real: A small disk is filled until two percent of it are free.   # the kind, and a sentence
      proves: [HostDiskSpaceCritical]     # they must fire, and reach exactly their receivers
      may: [HostDiskFillsIn24h]           # what else it may cause
      service: mita-other                 # whose alerts they are, where it is not the lab's own service
      hosts: [app2]
      batch: hosts                        # played together with the others of this name
      after: 20s                          # it takes so long, in seconds of this clock, to be what it says
      alone: true                         # played beside no other batch: it disturbs more than it says
      beside: [slow]                      # but beside these, whose faults it does not disturb
      hours: [6, 20]                      # it proves something from the first until the second, for rules
      lasts: 5m                           # or 10m; after which the host undoes it, whatever became of us
      inject: |                           # /bin/sh as root on each of the hosts, as are these:
        ...
      holds: test ...                     # succeeds while the fault is there
      undo: |                             # may be run twice, and after a boot
        ...

A fault may deploy a release over the good one, before what it does on hosts, if it does anything there:

    release-failing:
      release: A release answers a third of the requests of users with 500.
      proves: [CriticalErrorRate]
      deploys: error-ratio=0.35           # as `harness release build --fault` has it, or `healthy`
      follows: release-slow               # begins when that fault of its batch is undone and its end was told
      batch: releases

A fault may need a program that the lab does not run: `needs: nginx` names one of programs.yml, which is there
before the fault is played, and gone afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from yaml import YAMLError

from application import faults as application
from devtools.errors import UserError
from harness.faults.kinds import Kind
from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

CATALOGUE = Path(__file__).with_name("catalogue")
PROGRAMS = Path(__file__).with_name("programs.yml")
OF_A_PROGRAM = ("hosts", "up", "down")
NEEDED = ("proves", "hosts", "batch", "inject", "undo")
NEEDED_WITH_A_RELEASE = ("proves", "batch", "deploys")
OPTIONAL = ("may", "holds", "lasts", "after", "follows", "alone", "beside", "service", "needs", "hours")
LASTS = "10m"
LASTS_OF_A_PROGRAM_S = 7200
"""Longer than any wave with a batch that needs one."""
NOTHING = "true"
ALL_DAY = (0, 24)
HEALTHY = "healthy"
"""A release with nothing wrong."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to make alerts fire on hosts, and to end it."""

    name: str
    kind: Kind
    does: str
    proves: tuple[str, ...]
    may: tuple[str, ...]
    hosts: tuple[str, ...]
    batch: str
    inject: str
    holds: str
    undo: str
    lasts_s: int
    after_s: int
    """Seconds after which it is what it says."""
    deploys: str = ""
    """What is wrong with the release that it deploys; empty where it deploys none."""
    follows: str = ""
    """The fault of its batch after whose end it begins; empty where it begins with the batch."""
    alone: bool = False
    """No other batch is played at the same time, but for these."""
    beside: tuple[str, ...] = ()
    service: str = ""
    """The service of a fault's own that its alerts are about; empty where they may be about any."""
    hours: tuple[int, int] = ALL_DAY
    """From the first hour until the second it proves something, in hours as rules see them."""
    needs: "Fault | None" = None
    """A program that the lab does not run, as a fault that is there before this one and undone after it."""

    def is_about(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is one that it proves."""
        return labels["alertname"] in self.proves and self._is_whose(labels)

    def explains(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is one that it proves, or may cause beside."""
        return labels["alertname"] in (*self.proves, *self.may) and self._is_whose(labels)

    def _is_whose(self, labels: Mapping[str, str]) -> bool:
        return self.service in ("", labels.get("service"))


@cache
def faults(directory: Path = CATALOGUE) -> dict[str, Fault]:
    """Every fault of the catalogue by its name; UserError says which entry is none, and why."""
    found: dict[str, Fault] = {}
    for path in sorted(directory.glob("*.yml")):
        for name, entry in _entries(path).items():
            if name in found:
                raise _wrong(path, name, "a name of its own", "the same name twice")
            found[name] = _fault(path, name, entry)
    for fault in found.values():
        before = found.get(fault.follows)
        if fault.follows and (before is None or before.batch != fault.batch):
            raise _wrong(directory, fault.name, "to follow a fault of its own batch", repr(fault.follows))
        hours = {one.hours for one in found.values() if one.batch == fault.batch} - {ALL_DAY}
        if len(hours) > 1:  # they might never come together
            raise _wrong(directory, fault.name, "the same `hours` in one batch", repr(sorted(hours)))
        others = {one.batch for one in found.values()} if fault.alone else set()
        if unknown := {*fault.beside} - others:
            wanted = f"what is alone, and in `beside` a batch ({', '.join(sorted(others))})"
            raise _wrong(directory, fault.name, wanted, ", ".join(sorted(unknown)))
    return found


def named(name: str, directory: Path = CATALOGUE) -> Fault:
    """The fault of that name; UserError lists those that there are."""
    known = faults(directory)
    if name not in known:
        raise UserError(f"expected a fault of the catalogue ({', '.join(known)}), found {name!r}")
    return known[name]


@cache
def programs(path: Path = PROGRAMS) -> dict[str, Fault]:
    """The programs that faults may need by their names; UserError says which entry is none."""
    found: dict[str, Fault] = {}
    for name, entry in _entries(path).items():
        if not isinstance(entry, Mapping) or {*entry} != {*OF_A_PROGRAM}:
            raise _wrong(path, name, f"a program with {', '.join(OF_A_PROGRAM)}", repr(entry))
        found[name] = Fault(
            name=f"program-{name}",
            kind=Kind.REAL,
            does=f"{name} runs, which the lab does not need.",
            proves=(),
            may=(),
            hosts=_names(path, name, entry["hosts"]),
            batch="",
            inject=str(entry["up"]),
            holds=NOTHING,
            undo=str(entry["down"]),
            lasts_s=LASTS_OF_A_PROGRAM_S,
            after_s=0,
        )
    return found


def _entries(path: Path) -> Mapping[str, object]:
    try:
        found = read_yaml(path.read_text("utf-8")) or {}
    except YAMLError as error:
        raise UserError(f"{path}: expected YAML, found {error}") from error
    if not isinstance(found, Mapping):
        raise UserError(f"{path}: expected faults by their names, found {type(found).__name__}")
    return found


def _fault(path: Path, name: str, entry: object) -> Fault:
    if not isinstance(entry, Mapping):
        raise _wrong(path, name, "a fault", repr(entry))
    kinds = [kind for kind in Kind if kind in entry]
    needed = NEEDED_WITH_A_RELEASE if "deploys" in entry else NEEDED
    unknown = set(entry) - {*NEEDED, *NEEDED_WITH_A_RELEASE, *OPTIONAL, *Kind}
    missing = [key for key in needed if not entry.get(key)]
    if len(kinds) != 1 or unknown or missing or (kinds == [Kind.RELEASE] and "deploys" not in entry):
        wanted = (
            f"one of {', '.join(Kind)} with a sentence, {', '.join(needed)}, perhaps {', '.join(OPTIONAL)}"
        )
        raise _wrong(path, name, wanted, ", ".join(map(str, entry)))
    does = entry[kinds[0]]
    if not isinstance(does, str) or not does.endswith("."):
        raise _wrong(path, name, "a sentence that ends with a full stop", repr(does))
    return Fault(
        name=name,
        kind=kinds[0],
        does=does,
        batch=str(entry["batch"]),
        inject=str(entry.get("inject", NOTHING)),
        holds=str(entry.get("holds", NOTHING)),
        undo=str(entry.get("undo", NOTHING)),
        deploys=_release(path, name, str(entry.get("deploys", ""))),
        follows=str(entry.get("follows", "")),
        alone=_is_alone(path, name, entry),
        service=str(entry.get("service", "")),
        hours=_hours(path, name, entry.get("hours", ALL_DAY)),
        needs=_program(path, name, entry.get("needs")),
        lasts_s=_seconds(path, name, entry.get("lasts", LASTS)),
        after_s=_seconds(path, name, entry.get("after", "0s")),
        **{key: _names(path, name, entry.get(key, ())) for key in ("proves", "may", "hosts", "beside")},
    )


def _release(path: Path, name: str, spec: str) -> str:
    try:
        return spec if spec in ("", HEALTHY) else application.parse(spec).spec
    except application.FaultError as error:
        raise _wrong(path, name, f"a release's fault, or {HEALTHY}, in `deploys`", str(error)) from error


def _is_alone(path: Path, name: str, entry: Mapping[Any, Any]) -> bool:
    """A release is: whatever happens meanwhile is blamed on it."""
    found = entry.get("alone", "deploys" in entry)
    if not isinstance(found, bool):
        raise _wrong(path, name, "true or false in `alone`", repr(found))
    return found


def _program(path: Path, name: str, wanted: object) -> Fault | None:
    if wanted is None:
        return None
    if wanted not in programs():
        raise _wrong(path, name, f"one of {', '.join(programs())} in `needs`", repr(wanted))
    return programs()[str(wanted)]


def _hours(path: Path, name: str, found: Any) -> tuple[int, int]:
    match found:
        case [int(first), int(last)] if 0 <= first < last <= 24:
            return first, last
    raise _wrong(path, name, "two hours of one day such as [6, 20] in `hours`", repr(found))


def _names(path: Path, name: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise _wrong(path, name, "a list of names", repr(found))
    return tuple(found)


def _seconds(path: Path, name: str, found: Any) -> int:
    try:
        return parse_duration(found) // 1000
    except CatalogError as error:
        raise _wrong(path, name, "a duration such as 5m in `lasts` or `after`", repr(found)) from error


def _wrong(path: Path, name: str, expected: str, found: str) -> UserError:
    return UserError(f"{path}: {name}: expected {expected}, found {found}")
