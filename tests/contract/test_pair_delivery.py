"""Two Alertmanagers that Prometheus tells the same: one message, and none lost when one dies or is cut off.

Four pairs play at once; which of two speaks first they agree among themselves, so each is killed once.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Alertmanager, Receivers
from harness.incident.receipts import incidents
from tests.contract.playing import DEADLINE_S, Player, Record, alert_of, post

pytestmark = pytest.mark.slow
VERSIONS = ("alertmanager", "alertmanager-0.28")
SCALE = 15
PEER_S = 15 / SCALE
"""How long the second one waits for the first, scaled as groups are."""
LABELS = {
    "alertname": "HostDown",
    "severity": "critical",
    "component": "host",
    "symptom": "host_down",
    "service": "node",
    "env": "lab",
    "host": "app1",
    "subject": "app1",
}
TOLD = {"pagerduty", "slack", "smtp"}


class Pair:
    """Both are told each alert; `killed` is killed while its group waits."""

    def __init__(self, home: Path, version: str, *, joined: bool, killed: int | None) -> None:
        home.mkdir()
        self._player, self._joined, self._killed = Player(version, home, scale=SCALE), joined, killed
        self._program, self._places = tool(version), [(free_port(), free_port()) for _ in range(2)]

    def play(self) -> list[Record]:
        """Return all that was told."""
        self._player.write()
        recorder = Receivers(f"http://127.0.0.1:{self._player.http}")
        members = [Alertmanager(f"http://127.0.0.1:{web}") for web, _ in self._places]
        with ExitStack() as running:
            running.enter_context(self._player.process(self._player.serving, REPO))
            processes = [
                running.enter_context(self._player.process(self._command(number), self._program.parent))
                for number in range(2)
            ]
            until("the recorder", lambda: recorder.ready("/health"), deadline_s=DEADLINE_S)
            for member in members:
                until("both", partial(self._is_settled, member), deadline_s=DEADLINE_S)
            for member in members:
                post(member, [alert_of(LABELS)])
            if self._killed is not None:
                processes[self._killed].kill()
            until("a message", lambda: _told(recorder.requests()) >= TOLD, deadline_s=DEADLINE_S)
            time.sleep(30 / SCALE + 2 * PEER_S)  # so long another one could be on its way
            return recorder.requests()

    def _command(self, number: int) -> list[str]:
        (web, gossip), other = self._places[number], self._places[1 - number][1]
        cluster = [f"--cluster.listen-address=127.0.0.1:{gossip}", "--cluster.gossip-interval=50ms"]
        peer = [f"--cluster.peer=127.0.0.1:{other}"] if self._joined else []
        return [
            str(self._program),
            f"--config.file={self._player.home}/alertmanager.yml",
            f"--storage.path={self._player.home}/data{number}",
            f"--web.listen-address=127.0.0.1:{web}",
            f"--cluster.peer-timeout={PEER_S}s",
            "--cluster.reconnect-interval=1s",
            *cluster,
            *peer,
        ]

    def _is_settled(self, member: Alertmanager) -> bool:
        if not member.ready("/-/ready"):
            return False
        cluster = member.ask("GET", "/api/v2/status")["cluster"]
        return cluster["status"] == "ready" and len(cluster["peers"]) == 1 + self._joined


CASES: dict[str, tuple[bool, int | None]] = {
    "together": (True, None),
    "first killed": (True, 0),
    "second killed": (True, 1),
    "cut off": (False, None),
}
"""Whether both know of one another, and which of them dies."""


def _told(records: Sequence[Record]) -> set[str]:
    return {one["receiver"] for one in records}


@pytest.fixture(scope="module", params=[VERSIONS[1], pytest.param(VERSIONS[0], marks=pytest.mark.long)])
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Record]]]:
    home = tmp_path_factory.mktemp("pairs")
    pairs = [
        Pair(home / name.replace(" ", "-"), request.param, joined=joined, killed=killed)
        for name, (joined, killed) in CASES.items()
    ]
    with ThreadPoolExecutor(len(pairs)) as pool:
        yield dict(zip(CASES, pool.map(Pair.play, pairs), strict=True))


def places(records: Sequence[Record]) -> list[str]:
    return sorted(
        f"{one['receiver']} {one.get('channel') or one.get('urgency') or ''}"
        for one in records
        if one["receiver"] in TOLD
    )


ONCE = ["pagerduty critical", "slack #mita-alerts", "slack #mita-incidents", "smtp a@example.org"]


@pytest.mark.parametrize("case", ["together", "first killed", "second killed"])
def test_one_alert_is_one_message_though_one_of_both_dies(runs: dict[str, list[Record]], case: str) -> None:
    assert [one.partition(" a@")[0] for one in places(runs[case])] == [
        one.partition(" a@")[0] for one in ONCE
    ]


def test_cut_off_from_one_another_each_tells_and_the_pager_has_one_incident(
    runs: dict[str, list[Record]],
) -> None:
    found = runs["cut off"]
    assert len(places(found)) == 2 * len(ONCE)
    assert len(incidents(found)) == 1
