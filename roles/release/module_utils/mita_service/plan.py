"""What has to happen, decided before anything happens. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from .disk import Found, as_found
from .manifest import Manifest
from .model import UNIT_DIRECTORY, Apply, File, Service


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Files to write and to remove, and what the service needs afterwards."""

    writes: tuple[File, ...]
    prunes: tuple[str, ...]
    apply: Apply

    @property
    def touches_units(self) -> bool:
        """Say whether systemd has to read its files again."""
        paths = [file.path for file in self.writes] + list(self.prunes)
        return any(path.startswith(UNIT_DIRECTORY + "/") for path in paths)

    @property
    def changes(self) -> bool:
        """Say whether anything at all is to be done."""
        return bool(self.writes or self.prunes) or self.apply is not Apply.NONE


def make_plan(service: Service, found: Mapping[str, Found | None], manifest: Manifest) -> Plan:
    """Compare what is wanted with what is on disk and with what the service last took.

    *found* has an entry for every path that the service or the manifest names.
    """
    writes = tuple(file for file in service.files if found[file.path] != as_found(file))
    wanted = {file.path for file in service.files}
    left = [path for path in manifest.files if path not in wanted]
    needs = [file.apply for file in service.files if file in writes or not _taken(file, manifest)]
    needs += [manifest.files[path].apply for path in left]
    if manifest.restart_token != service.restart_token:
        needs.append(Apply.RESTART)
    prunes = tuple(sorted(path for path in left if found[path] is not None))
    return Plan(writes=writes, prunes=prunes, apply=max(needs, default=Apply.NONE))


def _taken(file: File, manifest: Manifest) -> bool:
    entry = manifest.files.get(file.path)
    return entry is not None and entry.digest == file.digest
