"""The configuration as it would be, where only root can read it, judged by the programs that will read it."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from . import disk
from .model import Service
from .plan import Plan
from .systemd import CommandError

DIRECTORY = Path("/var/lib/mita/staging")


@contextmanager
def staged(service: Service, plan: Plan, directory: Path = DIRECTORY) -> Iterator[Path]:
    """Give a copy of `config_root`, files of others included, on which *plan* has already happened.

    Beside it is what the service has elsewhere, by its whole path.
    """
    base = directory / service.name
    shutil.rmtree(base, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    base.mkdir(mode=0o700)
    try:
        root = base / "root"
        disk.copy_tree(Path(service.config_root), root) if service.config_root else root.mkdir()
        _overlay(service, plan, root)
        yield root
    finally:
        shutil.rmtree(base, ignore_errors=True)


def outside(root: Path) -> Path:
    """Return the place of the files that are not in `config_root`."""
    return root.with_name("outside")


def check(service: Service, root: Path, run: Callable[[Sequence[str]], str]) -> None:
    """Run every check on *root*; raise CommandError with the program's words and the real paths."""
    for argv in service.checks:
        try:
            run([word.replace("{root}", str(root)).replace("{outside}", str(outside(root))) for word in argv])
        except CommandError as error:
            words = str(error).replace(str(outside(root)), "").replace(str(root), service.config_root or "")
            raise CommandError(words) from error


def missing_programs(service: Service) -> list[str]:
    """Return the check programs that this host does not have yet."""
    return sorted({argv[0] for argv in service.checks if shutil.which(argv[0]) is None})


def _overlay(service: Service, plan: Plan, root: Path) -> None:
    for file in service.files:
        relative = _inside(service, file.path)
        target = root / relative if relative else outside(root) / file.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(file.content.encode())
    for path in plan.prunes:
        relative = _inside(service, path)
        if relative:
            (root / relative).unlink(missing_ok=True)


def _inside(service: Service, path: str) -> str | None:
    if service.config_root and PurePosixPath(path).is_relative_to(service.config_root):
        return os.path.relpath(path, service.config_root)
    return None
