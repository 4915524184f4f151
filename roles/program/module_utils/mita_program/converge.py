"""The order of events for one component's programs."""

import pwd
import subprocess
from pathlib import Path

from ..mita_tree import modes
from . import archive, links, packages
from .model import Outcome, Program


def converge(program: Program, fetched: Path | None, *, check_mode: bool) -> Outcome:
    """Do everything but the fetching: user, unpacking, links; `did` names what was done or would be."""
    outcome = packages.look(program) if program.method == "package" else archive.look(program)
    did = _ensure_user(program, check_mode=check_mode)
    if outcome.missing and fetched:
        archive.unpack(program, fetched)
        outcome = archive.look(program)
    if outcome.missing:
        outcome.did = [*did, f"install {program.name} {program.version} from {program.method}"]
        return outcome
    wrong = links.wrong(program, outcome.paths) if program.linked else []
    if wrong and not check_mode:
        links.mend(program, outcome.paths)
    closed = archive.closed(program) if program.method == "archive" else []
    if closed and not check_mode:
        modes.open_tree(archive.OPT / program.name)
    outcome.did = did + [f"link {name}" for name in wrong] + [f"open {path}" for path in closed]
    return outcome


def _ensure_user(program: Program, *, check_mode: bool) -> list[str]:
    if program.user is None:
        return []
    try:
        pwd.getpwnam(program.user)
    except KeyError:
        if not check_mode:
            _add_user(program.user, program.home)
        return [f"add user {program.user}"]
    return []


def _add_user(name: str, home: str) -> None:
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", home]
    subprocess.run(
        ["useradd", *options, "--shell", "/usr/sbin/nologin", name], check=True, capture_output=True
    )
