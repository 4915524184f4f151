"""The desired programs of one component, as values. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

VERSION = re.compile(r"\d+(\.\d+)*([.+~_-][0-9A-Za-z.+~_-]+)?")
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")
PACKAGES = PurePosixPath("/usr/bin")
OPT = PurePosixPath("/opt")


class ProgramError(Exception):
    """The programs can not be installed as asked; what was there before is untouched."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A system user; only one with a `shell` can log in, with a key."""

    name: str
    home: str = "/nonexistent"
    shell: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Program:
    """One component. `binaries` maps upstream's name of a program to the distribution's.

    With `tree` the whole archive is unpacked, and its programs lie in that directory of it.
    """

    name: str
    method: str
    version: str = ""
    packages: tuple[str, ...] = ()
    binaries: dict[str, str] = field(default_factory=dict)
    checksum: str = ""
    accounts: tuple[Account, ...] = ()
    tree: str = ""
    linked: bool = True


@dataclass(kw_only=True)
class Outcome:
    """What the task returns: `missing` programs must be brought to the host before the next call finishes."""

    paths: dict[str, str]
    token: str = ""
    missing: bool = False
    version: str = ""
    did: list[str] = field(default_factory=list)


def parse(params: dict[str, Any]) -> Program:
    """Return the release that the task asks for, or raise ProgramError."""
    version, checksum = params["version"], params["checksum"]
    if version and not VERSION.fullmatch(version):
        raise ProgramError(
            f"expected a version such as 2.53.3 for {params['name']}, found {version!r}; "
            "name the release that you tested: a word such as latest means another one tomorrow"
        )
    if params["method"] == "archive":
        _require_pins(params["name"], version, checksum)
    return Program(
        name=params["name"],
        method=params["method"],
        version=version,
        packages=tuple(params["packages"]),
        binaries=dict(params["binaries"]),
        checksum=checksum,
        accounts=tuple(_accounts(params)),
        tree=params["tree"],
        linked=params["linked"],
    )


def places(program: Program, opt: PurePosixPath = OPT) -> dict[str, str]:
    """Return where each program of a component is once it is installed, by upstream's name."""
    if program.method == "package":
        return {name: str(PACKAGES / theirs) for name, theirs in program.binaries.items()}
    return {
        name: str(opt / program.name / program.version / program.tree / name) for name in program.binaries
    }


def _accounts(params: Mapping[str, Any]) -> Iterator[Account]:
    if params["user"]:
        yield Account(name=params["user"], home=params["home"])
    for one in params["logins"]:
        yield Account(**{**one, "groups": tuple(one["groups"])})


def untested(name: str, version: str, tested: dict[str, str], codename: str, system: str) -> str:
    """Return the sentence about a version or a distribution that is not tested here, or nothing.

    *tested* has the version by the codename of the distribution's release; *system* is its name for people.
    """
    if not version or not tested:
        return ""
    known = " and ".join(f"{series} ({release})" for release, series in tested.items())
    if codename and codename not in tested:
        wanted = f"a host of a release that this repository is tested on, with {name} {known}"
        there = f"{system} with {version}"
    elif any(_is_of(version, series) for series in tested.values()):
        return ""
    else:
        wanted, there = f"{name} of a version that this repository is tested with, {known}", version
    return (
        f"expected {wanted}, found {there}; "
        "it may well work: try its configuration and alerts on a host that matters less first"
    )


def _is_of(version: str, series: str) -> bool:
    """Say whether a version such as 5:2.53.3+ds1-2 belongs to a series such as 2.53."""
    return re.match(rf"(\d+:)?{re.escape(series)}(?!\d)", version) is not None


def _require_pins(name: str, version: str, checksum: str) -> None:
    if not version:
        raise ProgramError(f"an archive of {name} needs its version, found none; set {name}_version")
    if not CHECKSUM.fullmatch(checksum):
        raise ProgramError(
            f"an archive of {name} needs its checksum as sha256: and 64 lower-case hex digits, "
            f"found {checksum!r}; take it from the release's sha256sums.txt"
        )
