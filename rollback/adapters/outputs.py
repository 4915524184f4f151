"""The output of runs, one folder for each rollback."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

MOST = 1_000_000_000
"""Bytes of output that are kept, however young it is."""


class RunOutputs:
    """Deletes the folders of rollbacks that are old, and the oldest where all are too many."""

    def __init__(self, runs: Callable[[], Path]) -> None:
        self._runs = runs

    def forget(self, older_than: timedelta, keep: frozenset[int]) -> int:
        """Delete the output of rollbacks that is older, but of those; return of how many."""
        gone, total, before = 0, 0, time.time() - older_than.total_seconds()
        for at, size, folder in sorted(self._found(), reverse=True):
            total += size
            if int(folder.name) not in keep and (at < before or total > MOST):
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        return gone

    def _found(self) -> Iterator[tuple[float, int, Path]]:
        """When something was last written there, how many bytes there are, and the folder."""
        with suppress(OSError):
            for folder in self._runs().iterdir():
                if folder.name.isdigit():
                    with suppress(OSError):
                        files = [path.stat() for path in (folder, *folder.rglob("*"))]
                        yield max(f.st_mtime for f in files), sum(f.st_size for f in files), folder
