#!/usr/bin/env python3
"""Build a Python bundle for a host: `lib/` for the HOST's Python, sources, manifest; print its SHA-256.

Runs on the controller with the standard library, pip and `packaging` (ansible-core brings it). Hosts need
neither pip nor a package index: they unpack the archive and run `PYTHONPATH=<bundle>/lib /usr/bin/python3 -m
...`. Two builds from the same inputs are byte-identical. `lib/` is compressed once per set of requirements
and kept in the cache, so that a build which changes only the manifest or the sources is done at once.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

FORMAT = "2"  # part of the cache key: a change of the layout must not find layers of the old one
EPOCH = 315_532_800  # 1980-01-01, the earliest time a zip can hold; every file of a bundle carries it
OLDEST_GLIBC_MINOR, HOST_GLIBC_MINOR = 5, 36  # Debian 12 has glibc 2.36: wheels for it also run on Debian 13
END_OF_ARCHIVE = b"\0" * 1024


class BundleError(Exception):
    """The bundle cannot be built; the message says what was expected, what was found and what to do."""


@dataclass(frozen=True, kw_only=True)
class Lib:
    """What decides the content of `lib/`: the same values give the same layer."""

    requirements: tuple[str, ...]
    constraint: str
    python: str
    machine: str

    @property
    def key(self) -> str:
        """Name of the layer in the cache."""
        text = json.dumps([FORMAT, self.requirements, self.constraint, self.python, self.machine])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def main(argv: list[str] | None = None) -> int:
    """Build what the command line asks for; 1 and one message on standard error when that is not possible."""
    options = parser().parse_args(argv)
    try:
        print(build(options))  # noqa: T201 - the checksum is this program's output
    except BundleError as error:
        print(f"build_bundle: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mita-monitoring" / "wheels"
    result = argparse.ArgumentParser(description="Build a Python bundle for a host and print its SHA-256.")
    result.add_argument("--requirements", nargs="+", type=Path, required=True, metavar="FILE")
    result.add_argument("--constraint", type=Path, metavar="FILE", help="pins of what they pull in")
    result.add_argument("--python", required=True, metavar="X.Y", help="the host's Python, such as 3.13")
    result.add_argument("--machine", default=platform.machine(), help="default: as this one")
    result.add_argument("--source", nargs="+", action="extend", default=[], metavar="DIR[:AS]")
    result.add_argument("--manifest", default="{}", metavar="JSON", help="what manifest.json says")
    result.add_argument("--out", type=Path, required=True, metavar="FILE.tar.gz")
    result.add_argument("--wheels", type=Path, default=default, metavar="DIR", help="the cache")
    return result


def build(options: argparse.Namespace) -> str:
    """Write the archive, replacing an older one in one step, and return its SHA-256 in hexadecimal."""
    lib = Lib(
        requirements=tuple(line for file in options.requirements for line in lines(file)),
        constraint="\n".join(lines(options.constraint)) if options.constraint else "",
        python=options.python,
        machine=options.machine,
    )
    if not re.fullmatch(r"3\.\d+", lib.python):
        raise BundleError(f"--python: expected the host's Python, such as 3.13, found {lib.python!r}.")
    manifest = parse_manifest(options.manifest) | {"python": lib.python}
    layer = lib_layer(lib, options.wheels)
    members = [*sorted(source_files(options.source)), ("manifest.json", json_bytes(manifest), 0o644)]
    tail = compressed(tar(members))
    return write_if_changed(options.out, layer.read_bytes() + tail + compressed(END_OF_ARCHIVE))


def lines(file: Path) -> list[str]:
    """Return a file's requirements, comments left out. Options of pip are refused: they hide inputs."""
    try:
        text = file.read_text()
    except OSError as error:
        raise BundleError(f"expected a requirements file at {file}, found: {error.strerror}.") from error
    found = [stripped for line in text.splitlines() if (stripped := line.partition("#")[0].strip())]
    if options := [line for line in found if line.startswith("-")]:
        raise BundleError(f"{file}: expected requirements only, found {options[0]!r}; list what it names.")
    return found


def parse_manifest(text: str) -> dict[str, object]:
    """Return the manifest given on the command line."""
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise BundleError(f"--manifest: expected a JSON object, found {text[:80]!r} ({error}).") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"--manifest: expected a JSON object, found {text[:80]!r}.")
    return manifest


def lib_layer(lib: Lib, cache: Path) -> Path:
    """Return the compressed `lib/` of these requirements, made now unless the cache has it."""
    layer = cache / "layers" / f"{lib.key}.tar.gz.part"
    layer.parent.mkdir(parents=True, exist_ok=True)
    with locked(layer.with_suffix(".lock")):
        if not layer.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                wheels = download(lib, Path(scratch), store=cache / f"cp{lib.python}-{lib.machine}")
                write_atomically(layer, compressed(tar(wheel_files(wheels))))
    return layer


def download(lib: Lib, into: Path, *, store: Path) -> list[Path]:
    """Return the wheels of the closure for the host.

    pip judges environment markers by the Python it runs on, so what only the host's Python needs is missing
    after its first pass (redis wants async-timeout on Debian 12's 3.11.2, not on a controller's 3.11.7): ask
    again until nothing is.
    """
    store.mkdir(exist_ok=True)
    wanted = list(lib.requirements)
    while True:
        pip_download(lib, wanted, into, store)
        wheels = sorted(into.glob("*.whl"))
        missing = missing_requirements(wheels, lib.python)
        if not missing:
            break
        wanted += missing
    for wheel in wheels:
        shutil.copyfile(wheel, store / wheel.name)
    return wheels


def pip_download(lib: Lib, wanted: list[str], into: Path, store: Path) -> None:
    """Run pip with the controller's own configuration (index, proxy, certificates)."""
    (into / "requirements.txt").write_text("\n".join(wanted) + "\n")
    (into / "constraints.txt").write_text(lib.constraint + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += [f"--requirement={into / 'requirements.txt'}", f"--constraint={into / 'constraints.txt'}"]
    command += [f"--dest={into}", f"--find-links={store}"]
    command += ["--implementation=cp", f"--python-version={lib.python}"]
    command += [f"--platform={tag}" for tag in platforms(lib.machine)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = "\n".join([line for line in done.stderr.splitlines() if not line.startswith("WARNING")][-12:])
        raise BundleError(
            f"expected pip to find wheels for Python {lib.python} ({lib.machine}) of {', '.join(wanted)}, "
            f"found:\n{words}\nCheck the package index in pip's configuration and the pin it complains about."
        )


def platforms(machine: str) -> list[str]:
    """Return the platform tags a Debian 12 or 13 host accepts, best first."""
    minors = range(HOST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
    names = [*(f"manylinux_2_{minor}" for minor in minors), "manylinux2014", "linux"]
    return [f"{name}_{machine}" for name in names]


def missing_requirements(wheels: list[Path], python: str) -> list[str]:
    """Return what these wheels require on that Python (any patch release of it) and is not among them."""
    present = {parse_wheel_filename(wheel.name)[0] for wheel in wheels}
    patches = (f"{python}.0", f"{python}.99")
    hosts = [{"extra": "", "python_version": python, "python_full_version": patch} for patch in patches]
    found: dict[str, None] = {}
    for requirement in (Requirement(text) for wheel in wheels for text in requires_dist(wheel)):
        if canonicalize_name(requirement.name) not in present and (
            requirement.marker is None or any(requirement.marker.evaluate(host) for host in hosts)
        ):
            found[str(requirement).partition(";")[0].strip()] = None
    return list(found)


def requires_dist(wheel: Path) -> list[str]:
    """Return the `Requires-Dist` lines of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return HeaderParser().parsestr(archive.read(name).decode()).get_all("Requires-Dist") or []


Member = tuple[str, bytes, int]  # path in the bundle, content, mode


def wheel_files(wheels: list[Path]) -> list[Member]:
    """Return what the wheels install, under `lib/`, sorted by path. Console scripts are left out."""
    members: dict[str, Member] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                path = installed_path(info.filename)
                if path and not info.is_dir():
                    mode = 0o755 if info.external_attr >> 16 & 0o111 else 0o644
                    members[path] = (path, archive.read(info), mode)
    return [members[path] for path in sorted(members)]


def installed_path(name: str) -> str | None:
    """Return where a file of a wheel belongs: of `<name>.data/`, purelib and platlib merge into `lib/`."""
    parts = PurePosixPath(name).parts
    if not parts[0].endswith(".data"):
        return f"lib/{name}"
    return "/".join(("lib", *parts[2:])) if parts[1] in ("purelib", "platlib") else None


def source_files(sources: list[str]) -> Iterator[Member]:
    """Yield the files of every `DIR[:AS]`, without caches and hidden files."""
    for source in sources:
        name, _, target = source.partition(":")
        root = Path(name)
        files = [root] if root.is_file() else sorted(root.rglob("*")) if root.is_dir() else []
        if not files:
            raise BundleError(f"--source: expected a file or a directory with files, found none at {root}.")
        for file in files:
            inner = file.relative_to(root)
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in inner.parts):
                mode = 0o755 if os.access(file, os.X_OK) else 0o644
                yield str(PurePosixPath(target or root.name) / inner), file.read_bytes(), mode


def tar(members: list[Member]) -> bytes:
    """Return a tar stream without its end mark, so that streams can be joined. Owner and times are fixed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, mode in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, EPOCH
            archive.addfile(info, io.BytesIO(content))
        length = archive.offset
    return buffer.getvalue()[:length]


def compressed(data: bytes) -> bytes:
    """Return the data as one gzip member. A file may have several: the cached layer is one of them."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def json_bytes(value: object) -> bytes:
    """Return readable JSON with a fixed order of keys."""
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def write_if_changed(path: Path, data: bytes) -> str:
    """Put the data at the path unless it is there already, and return its SHA-256."""
    if not (path.is_file() and path.read_bytes() == data):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Put the data at the path in one step: a reader sees the old file or the new one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as scratch:
        scratch.write(data)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file: a second build of the same layer waits for the first instead of downloading too."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
