"""Messages as a real Alertmanager of each tested version sends them: their words, their sizes, their escapes.

After a change of the templates `harness notify preview --out DIR` writes the words anew: copy its .txt files
to `messages/`, and read what changed.
"""

import re
from collections.abc import Iterator
from email.header import Header
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devtools.tools import tool
from harness.notify.preview import words
from harness.notify.scenes import scenes
from harness.notify.sent import messages

pytestmark = pytest.mark.slow
VERSIONS = ("alertmanager", "alertmanager-0.28")
WORDS = Path(__file__).with_name("messages")
MARKUP = re.compile(r"<!date\^\d+\^\{ago\}\|see the time of this message>|<https://[^|<>]+\|all of them>")
HOSTILE = "<!channel> <https://evil.example|Runbook> a&b"
Record = dict[str, Any]


@cache
def sent(version: str) -> dict[str, list[Record]]:
    return messages(scenes(), tool(version))


def slack(scene: str, version: str = VERSIONS[0]) -> list[Record]:
    return [one["body"]["attachments"][0] for one in sent(version)[scene] if one["receiver"] == "slack"]


def mail(scene: str) -> Record:
    [found] = [one["body"] for one in sent(VERSIONS[0])[scene] if one["receiver"] == "smtp"]
    return dict(found)


def incident(scene: str) -> Record:
    [found] = [one["body"] for one in sent(VERSIONS[0])[scene] if one["receiver"] == "pagerduty"]
    return dict(found)


def said(scene: str) -> Iterator[str]:
    """Every line that stands for the whole message: a push, a subject, a pager's summary."""
    yield from (one["fallback"] for one in slack(scene))
    yield mail(scene)["subject"]
    yield from (
        one["body"]["payload"]["summary"]
        for one in sent(VERSIONS[0])[scene]
        if one["receiver"] == "pagerduty"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", [scene.name for scene in scenes()])
def test_a_message_says_what_it_said(scene: str, version: str) -> None:
    assert words(sent(version)[scene]) == (WORDS / f"{scene}.txt").read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_is_taken(version: str) -> None:
    assert [one["problems"] for told in sent(version).values() for one in told if not one["valid"]] == []


@pytest.mark.parametrize(
    ("scene", "places", "summary"),
    [
        ("critical", "CriticalErrorRate on mita-backend (production)", "34% of requests"),
        ("three", "HostDown x3 on app1, app2, app3 (mita-backend, production)", "The host app1 does not"),
        ("fifty", "x50 on app1:/var, app10:/var, app11:/var and 47 more (", "Only 3% of /var on app1"),
    ],
)
def test_one_line_names_what_is_wrong_and_where(scene: str, places: str, summary: str) -> None:
    for line in said(scene):
        assert places in line
        assert summary in line


def test_what_is_over_says_when_and_how_long_and_no_bad_value() -> None:
    assert set(said("resolved")) == {
        "[RESOLVED] CriticalP95Latency on mita-backend (production): over since 02:24 EET, after 12m30s"
    }
    assert "2.41s" not in words(sent(VERSIONS[0])["resolved"]) + mail("resolved")["html"]
    assert incident("resolved")["event_action"] == "resolve"


@pytest.mark.parametrize(
    ("scene", "mention"), [("critical", "<!here>"), ("fifty", "<!channel>"), ("resolved", ""), ("mixed", "")]
)
def test_only_what_may_be_new_mentions_people(scene: str, mention: str) -> None:
    assert slack(scene)[0].get("pretext", "") == mention


def test_labels_are_no_markup_in_slack() -> None:
    for attachment in slack("hostile"):
        fields = [attachment[name] for name in ("title", "text", "fallback")]
        assert not any(re.search("[<>]", MARKUP.sub("", field)) for field in fields)
        assert not any(re.search("&(?!amp;|lt;|gt;)", field) for field in fields)
        assert all("a&amp;b" in field for field in fields)


def test_labels_are_text_in_a_mail_and_a_page() -> None:
    assert HOSTILE in mail("hostile")["subject"]
    assert HOSTILE in incident("hostile")["payload"]["summary"]
    assert not re.search('<script|<img|href="https://evil', mail("hostile")["html"])
    assert "&lt;!channel&gt;" in mail("hostile")["html"]


@pytest.mark.parametrize("scene", [scene.name for scene in scenes()])
def test_sizes_hold(scene: str) -> None:
    assert all(len(line) < 640 for line in said(scene))
    assert len(f"Subject: {Header(mail(scene)['subject']).encode(maxlinelen=998)}") < 998
    assert all(len(one["text"]) < 8000 for one in slack(scene))
    assert len(mail(scene)["html"]) < 100_000


def test_a_message_names_the_owner_the_version_and_the_local_time() -> None:
    for text in (slack("critical")[0]["text"].replace("*", ""), mail("critical")["text"].replace(":", "")):
        assert re.search("[Oo]wner backend", text)
        assert re.search("[Ll]ive 2.0.0", text)
        assert "Sun 29 Mar 02" in text
        assert "EET" in text


def test_links_lead_to_the_hour_and_to_a_silence_of_these_alerts() -> None:
    links = {one["text"]: one["url"] for one in slack("three")[0]["actions"]}

    assert links["Dashboard"].endswith("&from=1774739527000&to=now")
    assert "?filter=%7Balertname%3D%22HostDown%22%2C" in links["Silence"]
    assert "subject" not in links["Silence"]
    assert f"{links['Silence'].split('?')[0]}?filter=%7b" in mail("three")["html"]


def test_nothing_on_an_alert_is_still_a_message_with_somewhere_to_go() -> None:
    assert {one["url"].split("/#/")[0] for one in slack("bare")[0]["actions"]} == {
        "https://alertmanager.mita.finance",
        "https://prometheus.mita.finance/graph?g0.expr=up&g0.tab=1",
    }
    assert set(said("bare")) == {"[FIRING] SomethingElse"}
