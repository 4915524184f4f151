"""Which distribution this host runs, as it says itself."""

import sys
from dataclasses import dataclass
from pathlib import Path

from .model import ProgramError

OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class System:
    """`codename` such as trixie and the name for people; both empty where the host does not say."""

    codename: str = ""
    name: str = ""


def found(path: Path = OS_RELEASE) -> System:
    """Return what the host says that it runs."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return System()
    said = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    return System(said.get("VERSION_CODENAME", ""), said.get("PRETTY_NAME", ""))


def require_python(wanted: str, component: str, system: System, running: tuple[int, ...] = ()) -> None:
    """Refuse a host whose Python is older than *wanted*, such as 3.11."""
    least = tuple(int(part) for part in wanted.split(".")) if wanted else ()
    running = running or sys.version_info[:2]
    if running < least:
        raise ProgramError(
            f"expected Python {wanted} or newer for {component}, "
            f"found {'.'.join(map(str, running))} on {system.name or 'this host'}; "
            "take a host with a newer release, or name a newer Python there as ansible_python_interpreter"
        )
