"""What the role tells Prometheus keeps the date of an alert over a restart: the daemon compares dates."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Prometheus
from monitoring.catalog import load
from monitoring.durations import parse_duration

pytestmark = pytest.mark.slow

ROLE = REPO / "roles" / "prometheus" / "vars" / "main.yml"
CONFIG = """\
global: {evaluation_interval: 1s}
rule_files: [dates.rules.yml]
"""
RULES = """\
groups:
  - name: dates
    rules:
      - {alert: Old, expr: vector(1), for: 2s}
"""


def flag() -> str:
    """The flag as the role passes it."""
    text = ROLE.read_text()
    [value] = re.findall(r"^__prometheus_grace: (\S+)$", text, re.M)
    [name] = re.findall(r"'(--rules\.alert\.for-grace-period=)' ~ __prometheus_grace", text)
    return f"{name}{value}"


@contextmanager
def running(place: Path, *flags: str) -> Iterator[Prometheus]:
    port = free_port()
    argv = [
        str(tool("prometheus")),
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    ]
    with (place / "log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def since(place: Path, *flags: str) -> float:
    """Since when the alert is true, as Prometheus says once it fires in this life."""
    begun = time.time()
    with running(place, *flags) as prometheus:

        def said() -> float | None:
            if not prometheus.ready("/-/ready"):
                return None
            fresh = f'timestamp(ALERTS{{alertstate="firing"}}) > {begun}'
            return prometheus.value(f"ALERTS_FOR_STATE and on () ({fresh})")

        words = (place / "log").read_text
        found = until("the alert to fire", said, deadline_s=60, explain=lambda: words()[-2000:])
        assert found is not None
        return found


def test_a_restart_keeps_since_when_an_alert_is_true(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(CONFIG)
    (tmp_path / "dates.rules.yml").write_text(RULES)

    first = since(tmp_path, flag())

    assert since(tmp_path, flag()) == first
    assert since(tmp_path) > first, "expected a new date without the flag: then it is needed no more"


def test_the_grace_is_shorter_than_what_any_trigger_waits() -> None:
    value = parse_duration(flag().partition("=")[2])
    waits = [alert.for_ms for alert in load(REPO / "monitoring" / "rules") if alert.rollback_trigger]

    assert all(value <= wait / 60 for wait in waits if wait), "also at the largest time scale of the lab"
