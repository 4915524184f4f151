"""process_* series of the whole service: the supervisor and its workers as one.

prometheus_client's own collector describes the worker that happens to answer the scrape, so that
`process_start_time_seconds` would jump between workers and look like a restart at every scrape.
"""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ProcessStat:
    """What /proc/<pid>/stat says, in SI units."""

    pid: int
    parent: int
    cpu_s: float
    reaped_cpu_s: float  # of children that ended
    started_s: float  # after the kernel's start
    resident_bytes: int
    virtual_bytes: int


def read_stat(directory: Path) -> ProcessStat | None:
    """Return one process, or None where it ended meanwhile."""
    try:
        text = (directory / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # fields[0] is the third field: the name before may hold spaces
    return ProcessStat(
        pid=int(directory.name),
        parent=int(fields[1]),
        cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
        reaped_cpu_s=(int(fields[13]) + int(fields[14])) / TICKS_PER_S,
        started_s=int(fields[19]) / TICKS_PER_S,
        resident_bytes=int(fields[21]) * PAGE_BYTES,
        virtual_bytes=int(fields[20]),
    )


def boot_time_s(proc: Path) -> float:
    """Return when the kernel started, in seconds since the epoch."""
    lines = (proc / "stat").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("btime")).split()[1])


class ServiceProcesses(Collector):
    """Collect the supervisor with this pid and its children."""

    def __init__(self, supervisor: int, proc: Path = Path("/proc")) -> None:
        self.supervisor = supervisor
        self.proc = proc

    def family(self) -> list[ProcessStat]:
        """Return the supervisor first, then its children."""
        found = [read_stat(entry) for entry in self.proc.iterdir() if entry.name.isdigit()]
        own = [stat for stat in found if stat and self.supervisor in (stat.pid, stat.parent)]
        return sorted(own, key=lambda stat: stat.pid != self.supervisor)

    def collect(self) -> Iterator[Metric]:
        family = self.family()
        if not family or family[0].pid != self.supervisor:
            return
        cpu_s = sum(stat.cpu_s for stat in family) + family[0].reaped_cpu_s
        yield CounterMetricFamily("process_cpu_seconds", "CPU time of all processes.", value=cpu_s)
        for name, text, value in (
            ("start_time_seconds", "When the service started.", boot_time_s(self.proc) + family[0].started_s),
            (
                "resident_memory_bytes",
                "Resident memory, summed.",
                sum(stat.resident_bytes for stat in family),
            ),
            ("virtual_memory_bytes", "Virtual memory, summed.", sum(stat.virtual_bytes for stat in family)),
            ("open_fds", "Open files of the fullest process.", max(self.open_files(stat) for stat in family)),
            ("max_fds", "Open files a process may have.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ):
            yield GaugeMetricFamily(f"process_{name}", text, value=value)

    def open_files(self, stat: ProcessStat) -> int:
        """Return how many files a process holds open."""
        try:
            return sum(1 for _ in (self.proc / str(stat.pid) / "fd").iterdir())
        except OSError:
            return 0
