"""What has to happen, decided before anything happens. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .disk import Found, as_found
from .manifest import Manifest
from .model import UNIT_DIRECTORY, Apply, File, Service


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Files to write and to remove, and what the service needs afterwards."""

    writes: tuple[File, ...]
    prunes: tuple[str, ...]
    apply: Apply
    watched_prunes: tuple[str, ...] = ()

    @property
    def touches_units(self) -> bool:
        """Say whether systemd has to read its files again."""
        paths = [file.path for file in self.writes] + list(self.prunes)
        return any(path.startswith(UNIT_DIRECTORY + "/") for path in paths)

    def writes_unit(self, unit: str) -> bool:
        """Say whether systemd's file of *unit* changes."""
        return f"{UNIT_DIRECTORY}/{unit}" in (file.path for file in self.writes)

    @property
    def action(self) -> Apply:
        """What a running service must be told: to reload, to restart, or nothing."""
        return self.apply if self.apply >= Apply.RELOAD else Apply.NONE

    def split(self) -> tuple["Plan", "Plan"]:
        """Return what happens before the service is told, and what after."""
        if self.apply is not Apply.RELOAD:
            return self, replace(self, writes=(), prunes=(), watched_prunes=())
        early = tuple(file for file in self.writes if file.apply is not Apply.WATCHED)
        late = tuple(file for file in self.writes if file.apply is Apply.WATCHED)
        first = tuple(path for path in self.prunes if path not in self.watched_prunes)
        return replace(self, writes=early, prunes=first), replace(
            self, writes=late, prunes=self.watched_prunes
        )

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
    watched = tuple(path for path in prunes if manifest.files[path].apply is Apply.WATCHED)
    return Plan(writes=writes, prunes=prunes, apply=max(needs, default=Apply.NONE), watched_prunes=watched)


def _taken(file: File, manifest: Manifest) -> bool:
    entry = manifest.files.get(file.path)
    return entry is not None and entry.digest == file.digest
