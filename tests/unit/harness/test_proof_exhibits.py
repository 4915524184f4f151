"""The report shows what was measured and what was sent, and no key."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.clients import ClientError, Prometheus
from harness.faults.fault import named
from harness.proof import exhibits, outcome
from harness.proof.curve_picture import HEIGHT, WIDTH, drawn
from harness.proof.exhibits import HIDDEN, Curve, Exhibits, Scene
from harness.proof.marks import Mark, Rung, Step
from harness.proof.rungs import Proof
from harness.proof.witnessed import Played

SPAN = (1_000.0, 1_060.0)
SCENES = {"HostDown": Scene(hosts=(), span=SPAN)}


class Measured(Prometheus):
    """A Prometheus with one rule and what it measured."""

    def __init__(self, *series: dict[str, Any], query: str = "up == 0", broken: bool = False) -> None:
        super().__init__("http://127.0.0.1:9")
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "rule", {"name": "HostDown", "query": query})
        object.__setattr__(self, "broken", broken)

    def alerting_rules(self) -> list[dict[str, Any]]:
        return [self.rule]  # type: ignore[attr-defined]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        if self.broken:  # type: ignore[attr-defined]
            raise ClientError("it took too long")
        return list(self.series)  # type: ignore[attr-defined]


def series(host: str, *values: str) -> dict[str, Any]:
    at = [[1_000 + number, value] for number, value in enumerate(values)]
    return {"metric": {"__name__": "up", "host": host}, "values": at}


def pager(alert: str, at: str = "1970-01-01T00:17:00+00:00") -> dict[str, Any]:
    body = {"routing_key": "0123456789abcdef", "payload": {"summary": f"{alert} on app2"}}
    return {
        "at": at,
        "receiver": "pagerduty",
        "urgency": "critical",
        "headers": {},
        "body": body,
    }


@pytest.mark.parametrize(
    ("query", "measured", "limit"),
    [
        ("up == 0", "up", 0.0),
        ("absent(up)", "absent(up)", None),
        ("sum(rate(x[20s])) > 0.05 and y", "sum(rate(x[20s]))", 0.05),
    ],
)
def test_what_is_measured_is_what_the_installed_rule_compares(
    query: str, measured: str, limit: float | None
) -> None:
    found = exhibits.gathered(SCENES, Measured(query=query), [])["HostDown"]

    assert (found.measured, found.limit) == (measured, limit)


def test_the_series_that_moved_most_comes_first_and_what_is_no_number_is_left_out() -> None:
    prometheus = Measured(series("app1", "1", "1"), series("app2", "1", "NaN", "0"), series("app3", "NaN"))

    first, second = exhibits.curves(prometheus, "up", *SPAN)

    assert (first.labels, first.points) == ({"host": "app2"}, ((1_000.0, 1.0), (1_002.0, 0.0)))
    assert second.labels == {"host": "app1"}
    assert exhibits.curves(Measured(broken=True), "up", *SPAN) == ()


def test_a_message_is_shown_without_its_key_and_only_to_what_it_is_about() -> None:
    records = [pager("HostDown"), pager("RedisDown")]

    [found] = exhibits.messages(records, "HostDown")

    assert "HostDown on app2" in found.body and HIDDEN in found.body
    assert "0123456789abcdef" not in found.body
    assert found.place == "pagerduty critical"


def test_what_was_told_of_another_time_is_not_shown() -> None:
    earlier = pager("HostDown", "1970-01-01T00:16:00+00:00")

    found = exhibits.gathered(SCENES, Measured(), [earlier, pager("HostDown")])["HostDown"]

    assert [message.at for message in found.messages] == [1_020.0]


def test_no_verdict_is_lost_for_a_picture(tmp_path: Path) -> None:
    class Silent(Prometheus):
        def alerting_rules(self) -> list[dict[str, Any]]:
            raise ClientError("it does not answer")

    hostile = {**pager("HostDown"), "body": {"text": "HostDown \ud800\x1b </pre><script>"}}
    strange = exhibits.gathered(SCENES, Measured(query="up ~~ 1"), [])
    silent = exhibits.gathered(SCENES, Silent("http://nowhere"), [hostile])

    assert strange["HostDown"].measured == "up ~~ 1"
    seen = silent["HostDown"]
    assert (seen.measured, seen.curves) == ("", ())
    played = Played(fault=named("host-silent"), began=1_000.0, injected=1_000.0, problem="\x1b[31m no")
    steps = (Step(rung=Rung.FIRED, mark=Mark.OPEN, why="\x1b[31m no"),)
    proof = Proof(alert="HostDown", severity="critical", played=played, steps=steps, seen=seen)
    run = outcome.Run(alerts=1, facts={}, proofs=[proof], elsewhere=["routes.yml:3: \x00 no"])

    page = outcome.save(run, tmp_path).read_text()

    assert "<script>" not in page and "&lt;script&gt;" in page
    assert outcome.load(tmp_path).proofs[0].seen == seen
    suite = ET.fromstring((tmp_path / "proof.xml").read_bytes())  # noqa: S314 - ours
    assert [case.get("name") for case in suite] == ["HostDown", "nothing else: lint"]
    assert all(case.find("failure") is not None for case in suite)


def test_the_picture_holds_every_point_its_limit_and_the_moments_that_are_in_it() -> None:
    curve = Curve(labels={"host": "app2"}, points=((1_000.0, 4.0), (1_010.0, 0.0), (1_020.0, 2.0)))

    picture = drawn(Exhibits(limit=1.0, curves=(curve,)), [("fault", 1_010.0), ("long ago", 10.0)])

    assert picture
    assert picture.lines == (
        ("host=app2", f"0.0,0.0 {WIDTH / 2:.1f},{HEIGHT:.1f} {WIDTH:.1f},{HEIGHT / 2:.1f}"),
    )
    assert picture.limit == HEIGHT * 3 / 4
    assert picture.moments == (("fault", WIDTH / 2),)
    assert drawn(Exhibits(limit=1.0), []) is None
