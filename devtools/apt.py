"""Programs the controller needs, from the distribution's packages, installed only where they are missing."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devtools.errors import UserError
from devtools.system import as_root, last_words, locked, require_root, say

# A program on PATH (or a file) that shows the package is not needed -> the package that brings it.
CONTROLLER = {
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mmdebstrap": "mmdebstrap",
    "gpg": "gpg",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
ENGINE = {"dockerd": "docker.io"}
# A user's PATH often lacks the directories where system programs are.
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_LISTS = Path("/var/lib/apt/lists")
_IMPATIENT = (
    "-o",
    "Acquire::http::Timeout=20",
    "-o",
    "Acquire::https::Timeout=20",
    "-o",
    "Acquire::Retries=1",
)


def missing(needed: dict[str, str]) -> list[str]:
    """The packages of `needed` whose programs are not on this machine, each once."""
    absent = [package for program, package in needed.items() if not _is_there(program)]
    return list(dict.fromkeys(absent))


def ensure(needed: dict[str, str]) -> None:
    """Every program of `needed` is on this machine."""
    if packages := missing(needed):
        install(packages)


def install(packages: Sequence[str]) -> None:
    """The packages are installed. Lists are refreshed and an interrupted run is mended only if needed."""
    names = " ".join(packages)
    require_root(f"install {names}", f"have them installed: apt-get install {names}")
    say(f"installing {names} from the distribution's packages")
    with locked("apt"):
        if not has_lists():
            _update()
        complaint = _try_install(packages)
        if complaint:
            _apt("dpkg", "--configure", "-a")
            _update()
            complaint = _try_install(packages)
    if complaint:
        raise UserError(
            f"expected apt to install {names}, it gave up: {complaint}\n"
            "check that this machine reaches its package index (`apt-get update`), then run the same again"
        )


def has_lists(directory: Path = _LISTS) -> bool:
    """Whether apt has any list of packages at all."""
    return any(directory.glob("*_Packages*"))


def _is_there(program: str) -> bool:
    return (
        Path(program).exists() if program.startswith("/") else bool(shutil.which(program) or which(program))
    )


def which(program: str) -> str | None:
    """Where a system program is, also for users whose PATH leaves the system directories out."""
    return shutil.which(program) or shutil.which(program, path=PATH)


def _update() -> None:
    """Lists are as fresh as the index allows. One dead source of many is no failure: installing will tell."""
    say("refreshing apt's package lists")
    _apt("apt-get", *_IMPATIENT, "update")


def _try_install(packages: Sequence[str]) -> str:
    """What apt complained about; empty if the packages are installed now."""
    options = ("--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *_IMPATIENT)
    done = _apt("apt-get", "install", *options, *packages)
    if done.returncode == 0:
        return ""
    complaints = [line for line in done.stdout.splitlines() if line.startswith(("E:", "Err:"))]
    return last_words("\n".join(complaints) or done.stdout)


def _apt(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        as_root(["env", "DEBIAN_FRONTEND=noninteractive", f"PATH={PATH}", *argv]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
