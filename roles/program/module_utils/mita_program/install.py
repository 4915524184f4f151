"""The order of events for one component's programs and users."""

import platform
from pathlib import Path
from typing import Any

from ..mita_tree import modes
from . import accounts, archive, links, packages, system
from .architecture import for_machine
from .model import Outcome, Program, parse, untested


def converge(params: dict[str, Any], *, check_mode: bool) -> tuple[Outcome, str]:
    """Do everything but the fetching for the program that *params* describe; return a warning, too, if any.

    In *params* the archive's `url` and `checksum` become those of this host's architecture.
    """
    here, name = system.found(), params["name"]
    system.require_python(params["python"], name, here)
    for part in ("url", "checksum"):
        what = f"archive_{part} of {name}"
        is_archive = params["method"] == "archive"
        params[part] = for_machine(params[part], platform.machine(), what) if is_archive else ""
    fetched = Path(params["archive"]) if params["archive"] else None
    outcome = installed(parse(params), fetched, check_mode=check_mode)
    return outcome, untested(name, outcome.version, params["tested"], here.codename, here.name)


def installed(program: Program, fetched: Path | None, *, check_mode: bool) -> Outcome:
    """Bring users, unpacked archive and links; `did` names what was done or would be."""
    outcome = packages.look(program) if program.method == "package" else archive.look(program)
    did = [step for account in program.accounts for step in accounts.ensure(account, check_mode=check_mode)]
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
