"""What any user of a machine may read of its processes, as `ps` shows it: arguments, and the environment."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_S = 0.05


def shown(known: Collection[int] = ()) -> dict[int, bytes]:
    """The arguments of every process that is not *known*, and its environment where it may be read."""
    found: dict[int, bytes] = {}
    for process in running():
        for name in ("cmdline", "environ") if int(process.name) not in known else ():
            try:
                found[int(process.name)] = found.get(int(process.name), b"") + (process / name).read_bytes()
            except OSError:  # it has ended, or is another user's
                continue
    return found


def running() -> list[Path]:
    return [one for one in Path("/proc").iterdir() if one.name.isdigit()]


@contextmanager
def watched() -> Iterator[set[bytes]]:
    """All that processes show that are new meanwhile, twenty times a second."""
    seen: set[bytes] = set()
    known = {int(one.name) for one in running()}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_S):
            seen.update(shown(known).values())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
