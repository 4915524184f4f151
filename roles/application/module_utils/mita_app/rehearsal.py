"""Whether this host could be switched to a release now. Nothing but a link that is gone at once is made."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import archive, content, starting
from .layout import Layout

VERBS = ("restart", "start", "stop")  # what a switch runs; sudoers allows these very command lines


def obstacles(layout: Layout, version: str, checksum: str, unit: str) -> list[str]:
    """Return a sentence for each thing that would stop a switch to this release; none is what is wanted."""
    return [*_tree(layout), *_rights(unit), *_release(layout, version, checksum, unit)]


def _tree(layout: Layout) -> Iterator[str]:
    link = layout.root / ".rehearsal"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(Path("releases"))
        link.unlink()
    except OSError as error:
        yield f"a link beside {layout.current} cannot be made: {error.strerror}"
    if layout.history.exists() and not os.access(layout.history, os.W_OK):
        yield f"{layout.history} cannot be written"


def _rights(unit: str) -> Iterator[str]:
    if os.geteuid() == 0:
        return
    for verb in VERBS:
        command = ["sudo", "-n", "-l", "/usr/bin/systemctl", verb, unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            said = f": {words[-1]}" if words else ""
            yield f"sudo does not allow `systemctl {verb} {unit}`{said}"


def _release(layout: Layout, version: str, checksum: str, unit: str) -> Iterator[str]:
    complete = layout.complete()
    if version not in complete:
        yield f"the release {version} is not here; found {', '.join(complete) or 'none'}"
    elif checksum and complete[version] != archive.digest(checksum):
        yield f"{version} was made from the archive {complete[version]}, not {archive.digest(checksum)}"
    elif damaged := content.damage(layout, version, thorough=True):
        yield damaged
    elif lacking := starting.obstacle(layout.manifest(version), unit=unit):
        yield lacking
