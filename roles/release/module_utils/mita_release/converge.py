"""The order of events for one component's programs."""

import pwd
import subprocess
from pathlib import Path

from . import archive, links, packages
from .model import Outcome, Release


def converge(release: Release, fetched: Path | None, *, check_mode: bool) -> Outcome:
    """Do everything but the fetching: user, unpacking, links; `did` names what was done or would be."""
    outcome = packages.look(release) if release.method == "package" else archive.look(release)
    did = _ensure_user(release, check_mode=check_mode)
    if outcome.missing and fetched:
        archive.unpack(release, fetched)
        outcome = archive.look(release)
    if outcome.missing:
        outcome.did = [*did, f"install {release.name} {release.version} from {release.method}"]
        return outcome
    wrong = links.wrong(release, outcome.paths)
    if wrong and not check_mode:
        links.mend(release, outcome.paths)
    outcome.did = did + [f"link {name}" for name in wrong]
    return outcome


def _ensure_user(release: Release, *, check_mode: bool) -> list[str]:
    if release.user is None:
        return []
    try:
        pwd.getpwnam(release.user)
    except KeyError:
        if not check_mode:
            _add_user(release.user, release.home)
        return [f"add user {release.user}"]
    return []


def _add_user(name: str, home: str) -> None:
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", home]
    subprocess.run(
        ["useradd", *options, "--shell", "/usr/sbin/nologin", name], check=True, capture_output=True
    )
