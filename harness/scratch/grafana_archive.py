"""An archive in the layout of Grafana's, around the stand-in."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness.scratch.archives import Archive, checksum_of

HERE = Path(__file__).parent / "grafana"
PROGRAM = """#!/usr/bin/python3
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True
from grafana.app import main
sys.exit(main("{version}", sys.argv[1:]))
"""


def grafana_archive(version: str, directory: Path) -> Archive:
    """Pack the stand-in as upstream packs Grafana of this version."""
    path = directory / f"grafana-{version}.linux-amd64.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in _members(version):
            member = tarfile.TarInfo(f"grafana-v{version}/{name}")
            member.size, member.mode = len(content), 0o755 if name.startswith("bin/") else 0o640
            tar.addfile(member, io.BytesIO(content))
    return Archive(path, version, checksum_of(path))


def _members(version: str) -> Iterator[tuple[str, bytes]]:
    yield "bin/grafana", PROGRAM.format(version=version).encode()
    yield "conf/defaults.ini", b"[server]\n"
    yield "public/robots.txt", b"User-agent: *\n"
    for package, directory in (("grafana", HERE), ("yaml", Path(yaml.__file__).parent)):
        for source in sorted(directory.glob("*.py")):
            yield f"lib/{package}/{source.name}", source.read_bytes()
