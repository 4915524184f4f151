"""What we wrote on this host for one service and what the running service was last told to read.

The manifest is why a file that left the list can be removed while files of others stay, and why a run that
was cut off between writing and reloading is finished by the next one.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .model import Apply, File, Service

DIRECTORY = Path("/var/lib/mita/manifests")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One written file; `digest` is None while nobody confirmed that the service took it."""

    digest: str | None
    apply: Apply
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Files by path; `restart_token` as of the last successful run."""

    files: dict[str, Entry] = field(default_factory=dict)
    restart_token: str | None = None

    def begun(self, service: Service) -> "Manifest":
        """Return what must be stored before the first file is replaced: all files, new ones unconfirmed."""
        pending = {
            file.path: replace(_entry(file), digest=None)
            for file in service.files
            if self.files.get(file.path) != _entry(file)
        }
        return replace(self, files={**self.files, **pending})


def finished(service: Service) -> Manifest:
    """Return the manifest of a host where *service* is applied."""
    files = {file.path: _entry(file) for file in service.files}
    return Manifest(files=files, restart_token=service.restart_token)


def _entry(file: File) -> Entry:
    return Entry(digest=file.digest, apply=file.apply, secret=file.secret)


def load(name: str, directory: Path = DIRECTORY) -> Manifest:
    """Return the stored manifest, or an empty one where the service was never installed by us."""
    path = directory / f"{name}.json"
    if not path.exists():
        return Manifest()
    data = json.loads(path.read_text())
    files = {p: Entry(**{**entry, "apply": Apply[entry["apply"]]}) for p, entry in data["files"].items()}
    return Manifest(files=files, restart_token=data["restart_token"])


def save(name: str, manifest: Manifest, directory: Path = DIRECTORY) -> None:
    """Store *manifest* for root only: a digest of a weak secret is a hint."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {p: {**asdict(entry), "apply": entry.apply.name} for p, entry in sorted(manifest.files.items())}
    path = directory / f"{name}.json"
    new = path.with_suffix(".json.new")
    new.touch(mode=0o600)
    new.write_text(json.dumps({"files": files, "restart_token": manifest.restart_token}, indent=1) + "\n")
    new.replace(path)
