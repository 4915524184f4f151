"""A back-test tells what Prometheus itself would have done."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from benchmarks.server import Server, dump, running
from ruletools.backtest import Archive, Past, Period, backtest
from ruletools.backtest_report import as_json, as_text
from ruletools.errors import RulesError
from ruletools.firing import firings
from ruletools.http import Http

SCENE_S = 45
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
scrape_configs: [{job_name: prometheus, static_configs: [{targets: ['127.0.0.1:1']}]}]
"""
QUIETENS = {
    "inhibit_rules": [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"'],
            "equal": ["job"],
        }
    ]
}


def rule(name: str, expr: str, severity: str, **waits: str) -> dict[str, Any]:
    return {"alert": name, "expr": expr, **waits, "labels": {"severity": severity, "of": "{{ $labels.job }}"}}


def sometimes(seconds: int, of: int) -> str:
    return f"up == 0 and on () vector(time()) % {of} < {seconds}"


RULES = [
    rule("Waits", sometimes(8, 16), "warning", **{"for": "4s"}),
    rule("Lasts", sometimes(3, 16), "warning", keep_firing_for="5s"),
    rule("Bridges", sometimes(3, 6), "warning", **{"for": "1s"}, keep_firing_for="4s"),
    rule("TooShort", sometimes(3, 16), "warning", **{"for": "4s"}),
    rule("Louder", "up == 0", "critical"),
    rule("Never", "up == 1", "warning"),
    rule("Blind", "nowhere > 1 and up == 0", "warning"),
]
GROUPS: list[dict[str, object]] = [{"name": "scene", "interval": "1s", "rules": RULES}]


@pytest.mark.parametrize(
    ("present", "wait", "keep", "expected"),
    [
        ([], 0, 0, []),
        ([3], 0, 0, [(3, 4)]),
        ([3, 4, 5], 2, 0, [(5, 6)]),
        ([3, 4, 5], 3, 0, []),
        ([3, 4, 6, 7], 2, 0, []),
        ([3, 5], 0, 1, [(3, 7)]),
        ([3, 6], 0, 1, [(3, 5), (6, 8)]),
        ([3, 4, 6], 1, 3, [(4, 10)]),
        ([3, 18, 19], 0, 9, [(3, 13), (18, 20)]),
    ],
)
def test_for_and_keep_firing_for_count_evaluations(
    present: list[int], wait: int, keep: int, expected: list[tuple[int, int]]
) -> None:
    assert list(firings(present, wait=wait, keep=keep, end=20)) == expected


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Server, Period]]:
    """A real Prometheus that evaluated the rules for a while."""
    with running(CONFIG) as server:
        start = time.time()
        server.evaluate({"scene.yml": dump(GROUPS)})
        time.sleep(SCENE_S)
        yield server, Period(start + 4, start + SCENE_S - 2)


@pytest.fixture(scope="module")
def pasts(watched: tuple[Server, Period]) -> Mapping[str, Past]:
    server, period = watched
    found = backtest(Archive(Http(server.client.base)), GROUPS, QUIETENS, period)
    return {past.alert: past for past in found}


@pytest.mark.parametrize("alert", ["Waits", "Lasts", "Bridges", "TooShort", "Louder", "Never"])
def test_it_finds_what_really_fired(
    alert: str, watched: tuple[Server, Period], pasts: Mapping[str, Past]
) -> None:
    """Within two evaluations: those of the past stand at other moments. At the edges the scene was cut."""
    server, period = watched
    question = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    series = server.client.query_range(question, period.start, period.end, 1)
    really = {round(float(moment) - period.start) for each in series for moment, _ in each["values"]}
    told = {
        second
        for each in pasts[alert].firings
        for second in range(round(each.start - period.start), round(each.end - period.start))
    }

    assert bool(really) == (alert not in ("TooShort", "Never"))
    margin = range(18, SCENE_S - 8)  # a wait or a gap that began before the period is over by then
    assert all(
        {second - 2, second - 1, second, second + 1, second + 2} & really
        for second in told
        if second in margin
    )
    assert all(
        {second - 2, second - 1, second, second + 1, second + 2} & told
        for second in really
        if second in margin
    )


def test_no_data_is_told_apart_from_never_fired(
    watched: tuple[Server, Period], pasts: Mapping[str, Past]
) -> None:
    assert [past.alert for past in pasts.values() if past.missing] == ["Blind"]
    assert pasts["Blind"].missing == ["nowhere{}"]

    _, period = watched
    verdicts = {
        each["alert"]: each["verdict"]
        for each in json.loads(as_json(list(pasts.values()), period, period))["alerts"]
    }
    assert (verdicts["Blind"], verdicts["Never"], verdicts["Waits"]) == ("no data", "never fired", "fired")
    assert "no data  Blind: nowhere{}" in as_text(list(pasts.values()), period, period)


def test_a_louder_alert_silences(pasts: Mapping[str, Past]) -> None:
    assert pasts["Louder"].heard == len(pasts["Louder"].firings) == 1
    assert pasts["Waits"].silencers == ["Louder"]
    assert pasts["Waits"].heard == 0 < len(pasts["Waits"].firings)


def test_a_label_of_the_rule_is_filled_in(pasts: Mapping[str, Past]) -> None:
    assert pasts["Louder"].firings[0].labels["of"] == "prometheus"


def test_one_alert_is_asked_with_those_that_may_silence_it(watched: tuple[Server, Period]) -> None:
    server, period = watched
    (found,) = backtest(Archive(Http(server.client.base)), GROUPS, QUIETENS, period, ["Waits"])

    assert (found.alert, found.silencers) == ("Waits", ["Louder"])


def test_what_prometheus_no_longer_holds_is_not_judged(watched: tuple[Server, Period]) -> None:
    server, period = watched
    archive = Archive(Http(server.client.base))
    asked = Period(period.start - 3600, period.end)

    assert period.start - 20 < archive.covered(asked).start < period.start + 20
    with pytest.raises(RulesError, match=r"expected .* to hold `up`"):
        archive.covered(Period(period.start - 7200, period.start - 3600))


def test_an_unknown_alert_and_no_prometheus_are_said(watched: tuple[Server, Period]) -> None:
    server, period = watched
    with pytest.raises(RulesError, match="found Nobody"):
        backtest(Archive(Http(server.client.base)), GROUPS, QUIETENS, period, ["Nobody"])
    with pytest.raises(RulesError, match="expected an answer"):
        Archive(Http("http://127.0.0.1:1")).covered(period)
