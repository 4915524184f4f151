"""What would stop a run half an hour later, asked before anything long starts. Standard library only."""

import argparse
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from devtools import apt, ports
from devtools.errors import UserError
from devtools.paths import CACHE, REPO
from devtools.system import require_root
from harness.lab.engine_access import engine_socket, socket_answers
from harness.lab.hosts import HOSTS

GIB = 1024**3
DOCKER_ROOT = Path("/var/lib/docker")
# Measured with one Debian release: image 0.5, five hosts 2.5, environment 0.6, wheels 0.2 GiB.
FIRST_RUN_IN_ENGINE = 4.0
FIRST_RUN = {DOCKER_ROOT: FIRST_RUN_IN_ENGINE, CACHE: 1.0, REPO: 1.0}
LATER_RUN = {DOCKER_ROOT: 1.0, CACHE: 0.2, REPO: 0.3}


def main() -> int:
    """The exit status: 0 if the lab can be brought up here, 1 with a sentence on the terminal if not."""
    parser = argparse.ArgumentParser(prog="harness.lab.preflight", description=__doc__)
    parser.add_argument("--first-run", action="store_true", help="nothing is downloaded or built yet")
    try:
        check(first_run=parser.parse_args().first_run)
    except UserError as error:
        sys.stderr.write(f"make: {error}\n")
        return 1
    return 0


def check(*, first_run: bool) -> None:
    """Disk, rights and ports are as the lab needs them, or UserError says which is not."""
    check_disk(FIRST_RUN if first_run else LATER_RUN)
    check_rights()
    check_ports()


def check_disk(needed_gib: dict[Path, float]) -> None:
    """Every file system has room for all that will be put on it."""
    demands: dict[int, list[Path]] = defaultdict(list)
    for place in needed_gib:
        demands[_existing(place).stat().st_dev].append(place)
    for places in demands.values():
        needed = sum(needed_gib[place] for place in places)
        free = shutil.disk_usage(_existing(places[0])).free / GIB
        if free < needed:
            names = ", ".join(str(place) for place in places)
            raise UserError(
                f"expected {needed:.1f} GiB free for {names}, found {free:.1f}; "
                "free some space there (`make clean` removes what this project made), then run the same again"
            )


def check_rights() -> None:
    """Whatever is missing on this machine may be installed and started by this user."""
    packages = apt.missing(apt.CONTROLLER)
    socket = engine_socket()
    if socket and not socket_answers(socket):
        packages += apt.missing(apt.ENGINE)
        purpose = f"install {' '.join(packages)} and " if packages else ""
        require_root(f"{purpose}use a Docker engine on {socket}", "have an engine started that you may use")
    elif packages:
        require_root(
            f"install {' '.join(packages)}", f"have them installed: apt-get install {' '.join(packages)}"
        )


def check_ports() -> None:
    """No foreign process listens where the lab will; the engine's own proxies are judged once it answers."""
    for host in HOSTS:
        for port in host.ports.values():
            if ports.is_free(port):
                continue
            who = ports.holder(port)
            if who is None or not who.startswith("docker-proxy"):
                raise ports.taken(port, f"the lab host {host.name}", who)


def _existing(place: Path) -> Path:
    """The place or its nearest ancestor that exists: what is made later lands on the same file system."""
    return next(path for path in (place, *place.parents) if path.exists())


if __name__ == "__main__":
    sys.exit(main())
