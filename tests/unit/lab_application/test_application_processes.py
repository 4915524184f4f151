"""/proc as it is written by the kernel, read as series."""

from pathlib import Path

import pytest

from application.host import HostUsage
from application.processes import PAGE_BYTES, TICKS_PER_S, ServiceProcesses


def add_process(
    proc: Path, pid: int, parent: int, *, ticks: int, started: int, name: str = "python3"
) -> None:
    fields = ["S", str(parent), *["0"] * 9, str(ticks), "0", "7", "0", *["0"] * 4, str(started), "4096", "3"]
    (proc / str(pid) / "fd").mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)} 0 0\n")
    for number in range(pid):
        (proc / str(pid) / "fd" / str(number)).touch()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "stat").write_text("cpu  100 0 50 800 50 0 0 0 0 0\nbtime 1000\n")
    (tmp_path / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 250 kB\n")
    add_process(tmp_path, 10, 1, ticks=100, started=200)
    add_process(tmp_path, 11, 10, ticks=300, started=210, name="odd ) name (")
    add_process(tmp_path, 99, 1, ticks=9999, started=1)
    return tmp_path


def series(proc: Path, supervisor: int) -> dict[str, float]:
    collected = ServiceProcesses(supervisor, proc).collect()
    return {sample.name: sample.value for metric in collected for sample in metric.samples}


def test_supervisor_and_workers_are_one_service(proc: Path) -> None:
    found = series(proc, supervisor=10)

    assert found["process_cpu_seconds_total"] == (100 + 300 + 7) / TICKS_PER_S
    assert found["process_resident_memory_bytes"] == 2 * 3 * PAGE_BYTES
    assert found["process_start_time_seconds"] == 1000 + 200 / TICKS_PER_S
    assert found["process_open_fds"] == 11


def test_supervisor_that_is_gone_has_no_series(proc: Path) -> None:
    assert series(proc, supervisor=77) == {}


def test_cpu_is_measured_since_the_last_question(proc: Path) -> None:
    usage = HostUsage(proc)
    (proc / "stat").write_text("cpu  160 0 80 880 80 0 0 0 0 0\nbtime 1000\n")

    assert usage.cpu_percent() == pytest.approx(100 * 90 / 200)
    assert usage.cpu_percent() == 0.0


def test_memory_counts_what_new_work_could_not_have(proc: Path) -> None:
    assert HostUsage(proc).memory_percent() == pytest.approx(75.0)


def test_disk_is_between_empty_and_full(proc: Path) -> None:
    assert 0 < HostUsage(proc).disk_percent() < 100
