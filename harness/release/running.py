"""The application under test as a process of its own on loopback, as its unit on a host would run it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from harness.release.backing import Backing, ends_with_us

READY_S = 90
STOP_S = 10


@dataclass(frozen=True)
class Running:
    """One started application."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def metrics_dir(self) -> Path:
        """Where the workers keep their values."""
        return self.directory / "metrics"

    def log(self) -> str:
        """What it said so far."""
        return (self.directory / "app.log").read_text()

    def ready(self) -> bool:
        """Whether it answers ready; an application that ended is an error at once."""
        if self.process.poll() is not None:
            raise ChildProcessError(f"ended with {self.process.returncode}")
        return requests.get(f"{self.url}/health/ready", timeout=5, verify=False).ok  # noqa: S501 - loopback

    def stop(self) -> int:
        """Ask it to end and return its status."""
        self.process.terminate()
        return self.process.wait(STOP_S)


@contextmanager
def started(
    directory: Path,
    backing: Backing,
    *,
    version: str = "1.0.0",
    fault: Mapping[str, Mapping[str, float]] | None = None,
    **variables: str,
) -> Iterator[Running]:
    """The process runs, ready or not, until the end of the block; *variables* are its environment's."""
    manifest = directory / "manifest.json"
    manifest.write_text(json.dumps({"name": "mita-backend", "version": version, "fault": fault}))
    port = free_port()
    environment = {
        "DATABASE_URL": backing.database_url,
        "REDIS_URL": backing.redis_url,
        "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
        "MITA_MANIFEST": str(manifest),
        "MITA_HOST": "127.0.0.1",
        "MITA_PORT": str(port),
        "MITA_WORKERS": "1",
        **variables,
    }
    process = subprocess.Popen(
        ends_with_us("TERM", [sys.executable, "-m", "application"]),
        cwd=REPO,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=(directory / "app.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    scheme = "https" if variables.get("MITA_TLS_CERTIFICATE") else "http"
    running = Running(f"{scheme}://127.0.0.1:{port}", directory, process)
    try:
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def until_ready(running: Running) -> Running:
    """The same application once it answers ready."""
    until(
        "the application to get ready",
        running.ready,
        deadline_s=READY_S,
        interval_s=0.05,
        explain=running.log,
    )
    return running
