"""The pictures of docs/messages.md: scenes that a real Alertmanager tells at production's pace.

`python -m tests.contract.pictures` writes them anew in seven minutes, with Chromium; then look at them. An
alert's labels and words are those that its rule's own unit test expects: promtool has compared them.
"""

import argparse
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from devtools.paths import REPO
from devtools.system import say
from harness.notify.preview import draw
from harness.notify.sent import ZONE
from monitoring import pager_page, slack_page
from monitoring.yaml_text import read_yaml
from tests.contract.playing import Fires, Player, Record

PLACE = REPO / "docs" / "messages"
RULE_TESTS = REPO / "tests" / "rules"
OVER, TAIL = 200, 180
"""Seconds: all is over, and the last of who reads was told so: such a group speaks every 300 s."""
SEEN = 10
"""A second by which `closing` has looked once, as it has at any site."""
NIGHT_SCALE, NIGHT_S, PATIENCE_S = 4, 150, 120
"""Seconds of here: how long warnings wait at least, and for how long nobody believes what is over."""
CHANNEL = "#mita-alerts"


@cache
def known() -> Mapping[str, Any]:
    """Of each alert that a rule's test expects, its labels and annotations."""
    found: dict[str, Any] = {}
    for file in sorted(RULE_TESTS.glob("*.test.yml")):
        for group in read_yaml(file.read_text())["tests"]:
            for case in group.get("alert_rule_test", ()):
                for one in case["exp_alerts"]:
                    if "exp_annotations" in one:
                        found.setdefault(case["alertname"], one)
    return found


def fires(name: str, about: str, begin: float, end: float = OVER, **others: str) -> Fires:
    """The alert *about* something, in production, as Prometheus posts it."""
    said = known()[name]
    labels, annotations = (
        {key: spoken(str(value), about) for key, value in said[part].items()}
        for part in ("exp_labels", "exp_annotations")
    )
    own = {"alertname": name, **labels, **others}
    return Fires(begin=begin, end=end, labels=own, annotations=annotations)


def spoken(text: str, about: str) -> str:
    """The words of a test about what we tell of: its instance is called `fires`, its environment `prod`."""
    return re.sub(r"\bprod\b", "production", re.sub(r"\bfires\b|\bshop\b", about, text))


def dead_host() -> Iterator[Fires]:
    """The host of the databases dies: the applications wait for it, and then their requests fail."""
    yield fires("RedisConnectionFailure", "data", 0)
    yield fires("MitaDatabaseConnectionIssues", "app1", 10)
    yield fires("MitaDatabaseConnectionIssues", "app2", 12)
    yield fires("HostDown", "data", 15)
    yield fires("ExporterDown", "data", 15, host="data", job="postgres", subject="data postgres")
    yield fires("CriticalErrorRate", "mita-backend", 20)


def bad_release() -> Iterator[Fires]:
    """A third of the requests fail, until the daemon has rolled back."""
    yield fires("CriticalErrorRate", "mita-backend", 0, 140)
    yield fires("TransactionProcessingFailure", "mita-backend", 5)
    yield fires("SloJourneyFastBurn", "mita-backend", 25)
    yield fires("RollbackExecuted", "mita-backend", 90)


def storm() -> Iterator[Fires]:
    """A switch dies: all hosts behind it are gone within half a minute, and what runs on them."""
    for number in range(1, 181):
        yield fires("HostDown", f"app{number}", SEEN + number // 8)
        yield fires("ExporterDown", f"app{number}", SEEN + number // 8, host=f"app{number}")


def night() -> Iterator[Fires]:
    """Warnings that wait for the morning."""
    yield fires("HighP95Latency", "mita-backend", 20, 200)
    yield fires("QueueDepthHigh", "settlements", 60, 300)
    yield fires("HostDiskSpaceLow", "data", 120, NIGHT_SCALE * (NIGHT_S + PATIENCE_S))


SCENES = {"dead-host": dead_host, "bad-release": bad_release, "storm": storm}
DIGEST = "digest"
"""The scene of `night`."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What of a scene is drawn: so many messages of the channel, the first mail, or all pages; how high."""

    what: str
    height: int
    most: int = 1


PICTURES = {
    "dead-host-slack": Picture(what="slack", height=1650, most=3),
    "dead-host-mail": Picture(what="mail", height=560),
    "dead-host-pagerduty": Picture(what="pagerduty", height=960),
    "bad-release-slack": Picture(what="slack", height=1510, most=2),
    "bad-release-mail": Picture(what="mail", height=700),
    "bad-release-pagerduty": Picture(what="pagerduty", height=850),
    "storm-slack": Picture(what="slack", height=830, most=2),
    "storm-mail": Picture(what="mail", height=600),
    "storm-pagerduty": Picture(what="pagerduty", height=560),
    "digest-slack": Picture(what="slack", height=400),
}
"""By name: a scene and where it is seen."""


def shown(picture: Picture, records: Sequence[Record]) -> str:
    """The page that is drawn; pages as they ring."""
    if picture.what == "slack":
        channel = [one for one in records if one["receiver"] == "slack" and one["channel"] == CHANNEL]
        return slack_page.page(channel[: picture.most])
    if picture.what == "mail":
        return str(next(one["body"]["html"] for one in records if one["receiver"] == "smtp"))
    pages = [one for one in records if one["receiver"] == "pagerduty"]
    return pager_page.page([one for one in pages if one["body"]["event_action"] == "trigger"])


def drawn(name: str, records: Sequence[Record], place: Path) -> Path:
    picture = PICTURES[name]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / f"{name}.html"
        page.write_text(shown(picture, records), encoding="utf-8")
        made = draw(page, "phone", height=picture.height)
        return Path(shutil.move(made, place / f"{name}.png"))


class Sleeper(Player):
    """Mute hours that end soon, after which the digest goes straight to the channel."""

    def write(self) -> None:
        super().write()
        file = self.home / "closing.json"
        channel = (self.home / "secrets" / "slack_webhook_url").read_text()
        settings = {**json.loads(file.read_text()), "digest": {"warning-slack": [[channel, ""]]}}
        file.write_text(json.dumps(settings))


def told(scene: str, home: Path) -> Sequence[Record]:
    """All that was sent about a scene."""
    if scene == DIGEST:
        now = datetime.now(ZoneInfo(ZONE))
        end = now + timedelta(seconds=NIGHT_S + 59)  # hours have no seconds
        hours = {"from": f"{now - timedelta(hours=9):%H:%M}", "to": f"{end:%H:%M}", "timezone": ZONE}
        sleeper = Sleeper("alertmanager", home, {"alertmanager_mute_hours": hours}, NIGHT_SCALE, look_s=2)
        return sleeper.play(list(night()), tail=20, closes=False).records
    awake = {"alertmanager_without": {"mute_hours": "a picture at any hour"}}
    player = Player("alertmanager", home, awake, scale=1, look_s=5)
    return player.play(list(SCENES[scene]()), TAIL, closes=False).records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PLACE, help="a directory for the pictures")
    parser.add_argument(
        "--records", type=Path, help="a directory: what was sent is kept there, and drawn again"
    )
    arguments = parser.parse_args()
    os.environ["TZ"] = ZONE
    time.tzset()
    scenes = [*SCENES, DIGEST]
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(len(scenes)) as pool:
        kept = arguments.records or Path(place)
        found = dict(zip(scenes, pool.map(lambda scene: remembered(scene, kept), scenes), strict=True))
    for name in PICTURES:
        scene = name.rpartition("-")[0]
        say(f"{drawn(name, found[scene], arguments.out)}: one of {len(found[scene])} messages")


def remembered(scene: str, place: Path) -> Sequence[Record]:
    """What was sent in a scene, which is played unless it was."""
    file = place / f"{scene}.json"
    if not file.exists():
        home = place / scene
        home.mkdir(parents=True)
        file.write_text(json.dumps(list(told(scene, home))))
    return list(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
