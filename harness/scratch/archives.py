"""Archives in upstream's layout, made from the programs that a host got from its distribution."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docker.models.containers import Container


@dataclass(frozen=True)
class Archive:
    """A file on the controller and what pins it."""

    path: Path
    version: str
    checksum: str


def make_archive(
    container: Container, component: str, version: str, programs: Mapping[str, str], directory: Path
) -> Archive:
    """Pack *programs* (upstream's name to the path on the host) as `<component>-<version>.linux-amd64`."""
    top = f"{component}-{version}.linux-amd64"
    path = directory / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, source in programs.items():
            content = _read(container, source)
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return Archive(path, version, checksum_of(path))


def checksum_of(path: Path) -> str:
    """What pins a file."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _read(container: Container, path: str) -> bytes:
    chunks, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        member = tar.extractfile(tar.getmembers()[0])
        assert member is not None, f"{path} is not a regular file"
        return member.read()
