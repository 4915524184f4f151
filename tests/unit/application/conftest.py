"""Releases in a directory, and a service that obeys."""

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from roles.application.module_utils.mita_app.errors import ReleaseError
from roles.application.module_utils.mita_app.layout import MARKER, Layout
from roles.application.module_utils.mita_app.readiness import Answer, Demand

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BUNDLE = {"python": THIS_PYTHON}
Build = Callable[..., tuple[Path, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty tree, as the role leaves it."""
    (tmp_path / "root" / "releases").mkdir(parents=True)
    return Layout(tmp_path / "root")


def put(layout: Layout, version: str, sha256: str = "0" * 64) -> None:
    """Have a complete release without unpacking one."""
    directory = layout.releases / version
    directory.mkdir()
    (directory / MARKER).write_text(json.dumps({"sha256": sha256}))
    layout.archives.mkdir(exist_ok=True)
    layout.archive(version).touch()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Make archives; the values given replace those of a good one, and None takes one away."""

    def make(
        version: str = "1.0.0",
        *,
        members: dict[str, bytes] | None = None,
        links: dict[str, str] | None = None,
        **manifest: object,
    ) -> tuple[Path, str]:
        described = {"name": "mita-backend", "version": version, "rollback_safe": True, **BUNDLE, **manifest}
        described = {name: value for name, value in described.items() if value is not None}
        contents = {
            "app/application/__init__.py": b"VALUE = 1\n",
            "app/application/__main__.py": b"VALUE = 2\n",
            **(members or {}),
            "manifest.json": json.dumps(described).encode(),
        }
        path = tmp_path / f"{version}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
                archive.addfile(info, io.BytesIO(content))
            for name, target in (links or {}).items():
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
        return path, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    return make


@dataclass
class FakeService:
    """A service that becomes whatever `current` points at, unless that version is bad.

    `broken` says which of its components do not work, by version; a bad version is none that ever answers.
    """

    layout: Layout
    bad: set[str] = field(default_factory=set)
    broken: dict[str, set[str]] = field(default_factory=dict)
    runs: str | None = None
    did: list[str] = field(default_factory=list)

    def restart(self, *, takes_socket: bool) -> None:
        self.runs = self.layout.current_version()
        self.did.append(f"restart {self.runs}{' on its socket' if takes_socket else ''}")

    def stop(self) -> None:
        self.runs = None
        self.did.append("stop")

    def answer(self) -> Answer:
        if self.runs is None or self.runs in self.bad:
            return Answer(words=str(self.runs))
        works = {name: name not in self.broken.get(self.runs, ()) for name in ("database", "redis")}
        return Answer(self.runs, all(works.values()), works, str(self.runs))

    def wait_for(self, version: str, demand: Demand) -> Answer:
        answer = self.answer()
        if answer.version != version or not demand.met_by(answer):
            raise ReleaseError(f"expected {version} to be ready, found {self.runs}")
        return answer


@pytest.fixture
def service(layout: Layout) -> FakeService:
    return FakeService(layout)
