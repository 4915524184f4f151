"""How full the host is, measured from /proc and the file system."""

import shutil
from pathlib import Path


class HostUsage:
    """CPU since the last question, memory and disk now, in percent."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc
        self.busy, self.total = self.cpu_times()

    def cpu_times(self) -> tuple[int, int]:
        """Return the busy and the total ticks since the kernel started."""
        user, nice, system, idle, iowait, irq, softirq, steal = (
            int(field) for field in (self.proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
        )
        busy = user + nice + system + irq + softirq + steal
        return busy, busy + idle + iowait

    def cpu_percent(self) -> float:
        """Return the share of CPU time used since the last call; 0 where no time passed."""
        busy, total = self.cpu_times()
        used, passed = busy - self.busy, total - self.total
        self.busy, self.total = busy, total
        return 100 * used / passed if passed > 0 else 0.0

    def memory_percent(self) -> float:
        """Return the share of memory that new work could not have."""
        lines = (line.split() for line in (self.proc / "meminfo").read_text().splitlines())
        kib = {fields[0].rstrip(":"): int(fields[1]) for fields in lines}
        return 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])

    def disk_percent(self, path: Path = Path(__file__)) -> float:
        """Return the share of used space on the file system that holds the application."""
        usage = shutil.disk_usage(path)
        return 100 * usage.used / (usage.used + usage.free)
