"""Distribution packages: only asked about here, installed by Ansible's apt module."""

import re
import subprocess

from .model import Outcome, Program, places

FORMAT = "${Package}\t${db:Status-Status}\t${Version}\n"


def look(program: Program) -> Outcome:
    """Return where the distribution's programs are and whether a package is missing or of another version."""
    versions = installed(program.packages)
    paths = places(program)
    if missing(program, versions):
        return Outcome(paths=paths, missing=True)
    token = " ".join(f"{package}={versions[package]}" for package in program.packages)
    return Outcome(
        paths=paths, token=token, version=versions[program.packages[0]] if program.packages else ""
    )


def missing(program: Program, versions: dict[str, str]) -> bool:
    """Say whether apt has work to do; only the first package carries the pinned version. Pure."""
    if any(package not in versions for package in program.packages):
        return True
    return bool(program.packages) and not pinned(program.version, versions[program.packages[0]])


def pinned(wanted: str, found: str) -> bool:
    """Say whether the distribution's *found*, such as 5:2.53.3+ds1-2, is upstream's *wanted*. Pure."""
    upstream = found.split(":", 1)[-1]
    return not wanted or re.fullmatch(rf"{re.escape(wanted)}([^0-9.].*)?", upstream) is not None


def installed(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those *packages* that are completely installed."""
    if not packages:
        return {}
    argv = ["dpkg-query", "--show", f"--showformat={FORMAT}", *packages]
    lines = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return {name: version for name, status, version in rows if status == "installed"}
