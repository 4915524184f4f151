"""The pictures of docs/messages.md are those that can be drawn anew, of alerts that there are."""

import re
from pathlib import Path

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from tests.contract.pictures import DIGEST, PICTURES, PLACE, SCENES, night
from tests.contract.playing import Fires

ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
PAGE = (REPO / "docs" / "messages.md").read_text()
BY_PREVIEW = {"slack-phone", "mail-phone", "mail-phone-dark", "mail-over"}
"""Of example alerts: `harness notify preview --pictures`."""
LARGEST = 200_000
ALL = {**SCENES, DIGEST: night}


@pytest.mark.parametrize("scene", ALL)
def test_a_scene_has_the_labels_and_the_words_of_its_rules(scene: str) -> None:
    played: list[Fires] = list(ALL[scene]())

    assert played
    for one in played:
        rule = ALERTS[one.labels["alertname"]]
        fixed = {name: value for name, value in rule.labels.items() if "{{" not in value}
        assert fixed.items() <= one.labels.items()
        assert one.annotations["summary"] and one.annotations["runbook_url"].endswith(rule.name)
        assert not re.search(r"\bprod\b|\bfires\b", str((one.labels, one.annotations)))


def test_each_picture_is_of_a_scene_and_each_scene_has_one() -> None:
    assert {name.rpartition("-")[0] for name in PICTURES} == {*ALL}


def test_the_page_shows_every_picture_and_none_is_large() -> None:
    files = {path.stem: path for path in Path(PLACE).glob("*.png")}

    assert {*files} == {*PICTURES} | BY_PREVIEW == {*re.findall(r"\(messages/([\w-]+)\.png\)", PAGE)}
    assert {name: size for name, path in files.items() if (size := path.stat().st_size) > LARGEST} == {}
