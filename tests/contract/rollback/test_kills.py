"""Killed again and again under load, the daemon has everything that it answered for, once."""

import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.rollback.lives import Forked

Alert = Callable[..., Any]
CLIENTS = 4
SERVICES = ("shop", "cart", "stock")
ONCE = """
    SELECT count(*) FROM (SELECT 1 FROM inbox GROUP BY fingerprint, starts_at, status HAVING count(*) > 1)
"""
OTHERWISE = """
    SELECT (SELECT sum(alerts) FROM decisions WHERE service <> 'stock')
      - (SELECT count(*) FROM inbox WHERE json_extract(alert, '$.labels.service') <> 'stock')
"""
"""A bad release of `stock` is rolled back meanwhile: its alerts may be decided more than once."""
ENDS = "SELECT count(*) FROM rollbacks WHERE phase = 'succeeded'"


class Load:
    """Clients that post without a pause, and again what was not answered for, as Alertmanager does."""

    def __init__(self, daemon: Any, alert: Alert) -> None:
        self._daemon, self._alert = daemon, alert
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self.posted = self.repeated = 0
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(self._client, number) for number in range(CLIENTS)]

    def end(self) -> None:
        self._stop.set()
        for client in self._clients:
            client.result()

    def _client(self, number: int) -> None:
        session, count = requests.Session(), 0
        url = f"{self._daemon.url}/api/admin/rollback/trigger"
        while not self._stop.is_set():
            names = [f"{number}-{count}-{part}" for part in range(3)]
            alerts = [self._alert(n, service=SERVICES[count % 3]) for n in names]
            body = {"version": "4", "receiver": "rollback", "alerts": alerts}
            self._until_taken(session, url, body)
            self.acknowledged.update(names)
            count += 1

    def _until_taken(self, session: requests.Session, url: str, body: Any) -> None:
        for attempt in range(10_000):
            self.posted += 1
            self.repeated += attempt > 0
            try:
                if session.post(url, json=body, auth=("alertmanager", "hook-secret"), timeout=10).ok:
                    return
            except requests.RequestException:
                self._stop.wait(0.02)  # the daemon is away; a stop waits for what is under way


def killed_again_and_again(daemon: Any, alert: Alert, rounds: int, seed: int) -> dict[str, int]:
    """Figures of *rounds* lives, each ended by SIGKILL at a random moment under load."""
    chance = random.Random(seed)  # noqa: S311
    daemon.launch = lambda environment: Forked(daemon.file, daemon.log, environment)
    began = time.monotonic()
    daemon.configure(
        deployment_window="10h", stale_after="100h", cooldown="100h", breaker_window="100h"
    ).start()
    daemon.deploy("1.0.0", service="stock")
    daemon.good("1.0.0", service="stock")
    daemon.deploy("2.0.0", service="stock")
    load = Load(daemon, alert)
    for _ in range(rounds):
        threading.Event().wait(chance.uniform(0.0, 0.4))  # the moment is the test: it is random, not a guess
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
        daemon.start()
    load.end()
    daemon.until_decided()
    daemon.until_phase("succeeded")
    assert daemon.end() == 0
    counts = verdicts(Path(daemon.settings["database"]), load.acknowledged)
    return counts | {
        "rounds": rounds,
        "posted": load.posted,
        "repeated": load.repeated,
        "seconds": round(time.monotonic() - began),
    }


def verdicts(database: Path, acknowledged: set[str]) -> dict[str, int]:
    """What is in the database, counted past the daemon."""
    connection = sqlite3.connect(database)

    def one(query: str) -> int:
        return int(connection.execute(query).fetchone()[0])

    stored = Counter(row[0] for row in connection.execute("SELECT fingerprint FROM inbox"))
    found = {
        "acknowledged": len(acknowledged),
        "missing": len(acknowledged - stored.keys()),
        "doubled": one(ONCE) + sum(count > 1 for count in stored.values()),
        "undecided": one("SELECT count(*) FROM inbox WHERE decision_id IS NULL"),
        "not decided once": one(OTHERWISE),
        "rollbacks": one("SELECT count(*) FROM rollbacks"),
        "ended well": one(ENDS),
        "damaged": one("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
        "gaps in the ledger": one("SELECT max(id) - count(*) FROM ledger"),
    }
    connection.close()
    return found


WELL = {
    "missing": 0,
    "doubled": 0,
    "undecided": 0,
    "not decided once": 0,
    "rollbacks": 1,
    "ended well": 1,
    "damaged": 0,
    "gaps in the ledger": 0,
}


@pytest.mark.parametrize(
    "rounds", [pytest.param(20, marks=pytest.mark.hard), pytest.param(100, marks=pytest.mark.long)]
)
def test_what_was_answered_for_is_there_once_and_decided_once(
    daemon: Any, alert: Alert, rounds: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    found = killed_again_and_again(daemon, alert, rounds, seed=rounds)

    for name, value in found.items():
        record_testsuite_property(name, value)
    assert {name: found[name] for name in WELL} == WELL, found
    assert found["acknowledged"] > 5 * rounds
    assert found["repeated"] > 0
