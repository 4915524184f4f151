"""What is known about the lab at the moment something failed, as files a person can read afterwards."""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from devtools.paths import FAILURES_DIR
from harness.lab import addresses, containers
from harness.lab.hosts import HOSTS

# Everything the project runs on a host; globs, for the journal takes them.
UNITS = ("prometheus*", "alertmanager*", "*exporter*", "rollback*", "mita-*", "postgresql*", "redis*")
JOURNAL_LINES = 2000


def collect(name: str, into: Path = FAILURES_DIR) -> Path:
    """Journals, units, alerts, targets, decisions, ledger and what the receivers got are in the directory.

    It never fails: what could not be had is a file too, with the reason in it. What an earlier failure of the
    same name left is replaced. Only this user may read it: messages to receivers carry keys.
    """
    place = into / re.sub(r"[^\w.-]+", "_", name)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    for host in HOSTS:
        _keep(place / f"{host.name}.units.txt", partial(_units, host.name))
        _keep(place / f"{host.name}.journal.txt", partial(_journal, host.name))
    for title, question in _QUESTIONS.items():
        _keep(place / f"{title}.json", partial(_json, question))
    return place


_QUESTIONS: dict[str, Callable[[], Any]] = {
    "prometheus-alerts": lambda: addresses.prometheus().alerts(),
    "prometheus-targets": lambda: addresses.prometheus().targets(),
    "alertmanager-alerts": lambda: addresses.alertmanager().alerts(),
    "rollback-status": lambda: addresses.daemon().status(),
    "rollback-decisions": lambda: addresses.daemon().decisions(),
    "rollback-rollbacks": lambda: addresses.daemon().rollbacks(),
    "rollback-ledger": lambda: addresses.daemon().ledger(),
    "receivers-requests": lambda: addresses.receivers().requests(),
}


def _keep(path: Path, ask: Callable[[], str]) -> None:
    try:
        text = ask()
    except Exception as error:  # the failure that is being recorded must stay the one that is reported
        text = f"could not be had: {type(error).__name__}: {error}"
    path.write_text(text + "\n", encoding="utf-8")


def _units(name: str) -> str:
    return _on(name, "systemctl", "list-units", "--all", "--no-pager", "--type=service", *UNITS)


def _journal(name: str) -> str:
    chosen = [f"--unit={pattern}" for pattern in UNITS]
    return _on(name, "journalctl", "--no-pager", "--output=short-iso-precise", f"-n{JOURNAL_LINES}", *chosen)


def _on(name: str, *argv: str) -> str:
    return str(containers.get(name).exec_run(list(argv)).output.decode(errors="replace"))


def _json(question: Callable[[], Any]) -> str:
    return json.dumps(question(), indent=2, default=str)
