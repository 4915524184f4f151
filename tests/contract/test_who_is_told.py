"""Every alert by day and at night reaches exactly whom docs/who-is-told.md names, delivered by both versions.

Each alert, and each of a series that leads it elsewhere, is an environment of its own, so that none silences
another. A site's input says which hours are mute: those of this test, or others.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from devtools.paths import REPO
from devtools.wait import until
from harness.clients import Receivers
from harness.incident.receipts import destination
from harness.notify.sent import ZONE
from harness.notify.table import WORDS, Row, rows
from monitoring.catalog import load
from monitoring.yaml_text import read_yaml
from tests.contract.playing import DEADLINE_S, Player, Record, alert_of, post

pytestmark = pytest.mark.slow
CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
ROWS = list(rows(CONFIG, load(REPO / "monitoring" / "rules")))
LABELS = [{**row.labels, "env": f"env-{number}-"} for number, row in enumerate(ROWS)]
LAST = {"alertname": "Last", "severity": "critical", "env": f"env-{len(ROWS)}-"}
"""Posted when all others were told: until it arrives, so could have what must not."""
HOURS = ("noon", "night")
HEARTBEAT = next(number for number, one in enumerate(LABELS) if one["alertname"] == "Watchdog")
Told = Mapping[int, set[str]]
"""By the number of an environment, the places that heard of it."""


def expected(row: Row, hour: str) -> set[str]:
    return {*(row.noon if hour == "noon" else row.night)} - {"nobody"}


def hours(hour: str) -> dict[str, Any]:
    """Mute hours that began an hour ago, or begin in two."""
    begin = datetime.now(ZoneInfo(ZONE)) + timedelta(hours=2 if hour == "noon" else -1)
    end = begin + timedelta(hours=3)
    return {
        "alertmanager_mute_hours": {"from": f"{begin:%H:%M}", "to": f"{end:%H:%M}", "timezone": ZONE},
    }


def place(record: Record) -> str:
    """Where it arrived, in the words of the table."""
    if record["receiver"] in WORDS:
        found = destination(record)
        return WORDS[found.service].format(found.place)
    return str(record["body"]["receiver"])


class Heard:
    """The places that heard of each environment, by its number; what is read is read once."""

    def __init__(self, recorder: Receivers) -> None:
        self._recorder, self._read = recorder, 0
        self.places: dict[int, set[str]] = defaultdict(set)

    def now(self) -> Told:
        for one in self._recorder.requests(self._read):
            assert one["valid"], one["problems"]
            self._read = one["seq"]
            for number in set(re.findall(r"env-(\d+)-", json.dumps(one["body"]))):
                self.places[int(number)].add(place(one))
        if self._recorder.hearts()["lab"]["beats"]:
            self.places[HEARTBEAT].add("dead-man")
        return self.places


def wrong(found: Told, hour: str) -> dict[str, tuple[set[str], set[str]]]:
    """By alert, who should have been told of it and was not, and who was and should not."""
    pairs = {number: (expected(row, hour), found.get(number, set())) for number, row in enumerate(ROWS)}
    return {
        " ".join((ROWS[number].alert.name, *ROWS[number].series.values())): (wanted - was, was - wanted)
        for number, (wanted, was) in pairs.items()
        if wanted != was
    }


@pytest.fixture(
    scope="module", params=["alertmanager-0.28", pytest.param("alertmanager", marks=pytest.mark.long)]
)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    def play(hour: str) -> Told:
        player = Player(request.param, tmp_path_factory.mktemp(hour), hours(hour))
        with player.running() as (alertmanager, recorder):
            heard = Heard(recorder)
            post(alertmanager, [alert_of(labels) for labels in LABELS])
            until(
                "everybody to be told who is expected to be",
                lambda: not any(missing for missing, _ in wrong(heard.now(), hour).values()),
                deadline_s=DEADLINE_S,
                explain=lambda: str(wrong(heard.now(), hour)),
            )
            post(alertmanager, [alert_of(LAST)])
            until("the last one", lambda: "mail" in heard.now()[len(ROWS)], deadline_s=DEADLINE_S)
            return heard.now()

    with ThreadPoolExecutor(len(HOURS)) as pool:
        return dict(zip(HOURS, pool.map(play, HOURS), strict=True))


@pytest.mark.parametrize("hour", HOURS)
def test_exactly_those_are_told_whom_the_table_names(hour: str, played: dict[str, Told]) -> None:
    assert wrong(played[hour], hour) == {}
