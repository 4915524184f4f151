"""What a report says of the run itself: when, of what, on which machine, at which pace."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from devtools.paths import REPO

PACES: Mapping[float, str] = {0: "nothing was played", 1: "production timing"}


def facts(
    began: float, scale: float = 0, versions: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """The facts in the order in which a person reads them."""
    return {
        "begun": f"{datetime.fromtimestamp(began, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "revision": _revision(),
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": str(os.cpu_count()),
        "load average at first": f"{os.getloadavg()[0]:.1f}",
        "time scale": PACES.get(scale, f"{scale:g} times faster than production"),
        **versions,
    }


def _revision() -> str:
    """The commit, and whether the work tree differs from it; a copy without history has none."""
    git = ["git", "-C", str(REPO), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return "no git to ask"
    return done.stdout.strip() if done.returncode == 0 else "none that git knows"
