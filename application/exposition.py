"""What a scrape reads: the workers' values added up, and the processes of the service."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from .processes import ServiceProcesses


def exposition(directory: Path, supervisor: int) -> bytes:
    """Return the text of /metrics for the service supervised by this pid."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
    registry.register(ServiceProcesses(supervisor))
    return generate_latest(registry)


def forget_dead_workers(directory: Path) -> None:
    """Drop the live gauges of workers that ended without a word. What they counted stays counted."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in directory.glob("gauge_live*_*.db")}:
        if not is_alive(pid):
            mark_process_dead(pid, path=str(directory))  # type: ignore[no-untyped-call]


def is_alive(pid: int) -> bool:
    """Whether a process with this pid exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
