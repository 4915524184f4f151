"""The nights: the same for the same seed, true to themselves, and judged as their truth says."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from benchmarks.nights import report
from benchmarks.nights.evaluation import Evaluated, Seen, rules, telling
from benchmarks.nights.exposition import MOMENTS, binomial, poisson, series
from benchmarks.nights.judgement import Verdict, judge, pages
from benchmarks.nights.night import KINDS, LENGTH, WARM, Night, Trouble, draw
from benchmarks.nights.playing import Played, play
from devtools.paths import REPO
from monitoring.routing import Labels, inhibited
from monitoring.yaml_text import read_yaml
from ruletools.house.loading import load_files

NIGHTS = [draw(7, number) for number in range(300)]


def of_kind(kind: str, **changes: object) -> Night:
    return replace(next(night for night in NIGHTS if night.kind == kind), **changes)  # type: ignore[arg-type]


def samples(found: dict[str, str], *parts: str) -> list[list[str]]:
    return [values.split() for name, values in found.items() if all(part in name for part in parts)]


def test_the_same_seed_draws_the_same_night_and_another_seed_another() -> None:
    assert draw(7, 3) == draw(7, 3)
    assert series(draw(7, 3)) == series(draw(7, 3))
    assert draw(8, 3) != replace(draw(7, 3), seed=8)


def test_all_kinds_are_drawn_and_each_tells_the_truth() -> None:
    assert {night.kind for night in NIGHTS} == set(KINDS)
    for night in NIGHTS:
        assert night.guilty <= (night.deployed is not None)
        if night.guilty:
            assert night.trouble and night.deployed
            assert night.deployed < night.trouble.starts
            assert night.trouble.ends == LENGTH


def test_every_series_has_a_sample_or_a_gap_at_every_moment() -> None:
    for night in NIGHTS[:5]:
        assert {len(values.split()) for values in series(night)[0].values()} == {len(MOMENTS)}


def test_a_bad_release_fails_its_share_and_nothing_before_it() -> None:
    trouble = Trouble("errors", WARM + 600, LENGTH, 0.5, 2)
    night = of_kind(
        "errors", rate=50.0, shape="steady", instances=2, background=0.0, lost=0.0, gaps=(), restarts=(),
        deployed=WARM + 300, trouble=trouble,
    )  # fmt: skip

    found, first = series(night)

    assert first == trouble.starts
    failed = sum(float(values[-1]) for values in samples(found, "http_requests_total", '"500"'))
    after = 50.0 * (LENGTH - trouble.starts)
    assert failed == pytest.approx(after / 2, rel=0.05)


def test_a_lost_scrape_ends_the_series_and_an_absent_prometheus_does_not() -> None:
    lost, _ = series(of_kind("quiet", lost=1.0, gaps=(), restarts=()))
    assert {value for each in samples(lost, "up{", "mita-backend") for value in each} == {"0"}

    away, _ = series(of_kind("quiet", lost=0.0, gaps=((600, 660),), restarts=()))
    for each in samples(away, "up{", "mita-backend"):
        assert [number for number, value in enumerate(each) if value == "_"] == [40, 41, 42, 43]
    assert not [each for each in samples(away, "http_requests_total") if "stale" in each]


def test_a_bucket_holds_all_that_are_below_it() -> None:
    found, _ = series(of_kind("slow", lost=0.0, gaps=(), restarts=()))
    for moment in (0, 100, -1):
        counts = [float(each[moment]) for each in samples(found, "_bucket", 'instance="app1"')]
        assert counts == sorted(counts)


@pytest.mark.parametrize(("number", "share"), [(20, 0.3), (1000, 0.01), (1000, 0.5), (1000, 0.99)])
def test_random_numbers_have_their_mean(number: int, share: float) -> None:
    random = Random(1)  # noqa: S311  (no secret)
    drawn = [binomial(random, number, share) for _ in range(2000)]
    assert sum(drawn) / 2000 == pytest.approx(number * share, rel=0.05)
    assert 0 <= min(drawn) <= max(drawn) <= number
    assert sum(poisson(random, number * share) for _ in range(2000)) / 2000 == pytest.approx(
        number * share, rel=0.05
    )


# --- judged


def seen(night: Night, name: str, *, firing: bool = True, **more: str) -> Seen:
    labels = {"alertname": name, "service": night.name, "env": night.name, **more}
    return Seen(labels, firing, 0.0)


def test_an_innocent_release_that_is_rolled_back_is_wronged() -> None:
    night = of_kind("deployed")

    verdict = judge(Evaluated(night, None), Played(WARM + 900, "CriticalErrorRate", ()))

    assert verdict.wronged and verdict.wrong
    assert report.missed_goals([verdict]) == ["1 innocent releases were rolled back; none may be"]


def test_a_bad_release_is_innocent_until_its_first_bad_response() -> None:
    evaluated = Evaluated(of_kind("errors"), WARM + 1200)

    assert judge(evaluated, Played(WARM + 900, "CriticalErrorRate", ())).wronged
    assert judge(evaluated, Played(WARM + 1500, "CriticalErrorRate", ())).seconds == 300


def owed(**changes: object) -> Verdict:
    trouble = Trouble("errors", WARM + 600, LENGTH, 0.5, 1)
    night = of_kind("errors", rate=10.0, shape="steady", instances=1, trouble=trouble)
    verdict = judge(Evaluated(night, WARM + 600), Played(WARM + 900, "CriticalErrorRate", ()))
    return replace(verdict, **changes)  # type: ignore[arg-type]


def test_of_a_hundred_bad_releases_one_may_be_missed() -> None:
    one = owed(rolled_back=None)

    assert owed().owed and not owed().wrong
    assert report.missed_goals([owed()] * 99 + [one]) == []
    assert report.missed_goals([owed()] * 98 + [one] * 2) == [
        "98 of 100 releases that owed it were rolled back; 99% must be"
    ]


def test_a_release_that_fails_less_or_has_too_few_requests_owes_nothing() -> None:
    assert not owed(share=0.2).owed
    few = of_kind("errors", rate=1 / 60, trouble=Trouble("errors", WARM, LENGTH, 1.0, 1))
    assert not few.measurable()


def test_an_alert_pages_once_while_it_fires_and_not_when_a_louder_one_does() -> None:
    evaluated = Evaluated(of_kind("quiet"), None)
    for moment in range(WARM, WARM + 300, 15):
        evaluated.alerts[moment] = [seen(evaluated.night, "SloAvailabilityFastBurn", severity="critical")]
    evaluated.alerts[0] = [seen(evaluated.night, "HighErrorRate", severity="error")]
    evaluated.alerts[WARM + 600] = [seen(evaluated.night, "HighP95Latency", severity="warning")]

    assert pages(evaluated) == (f"SloAvailabilityFastBurn at {WARM} s",)
    verdict = judge(evaluated, Played(None, "", ()))
    assert report.missed_goals([verdict]) == ["1 pages in 1 healthy nights; one in 100 may be"]


def test_where_hardly_anybody_registers_an_empty_quarter_of_an_hour_is_chance() -> None:
    for rate, chance in ((1 / 60, 1), (50.0, 0)):
        evaluated = Evaluated(of_kind("quiet", rate=rate), None)
        evaluated.alerts[WARM] = [seen(evaluated.night, "UserRegistrationDown", severity="critical")]
        verdict = judge(evaluated, Played(None, "", ()))
        assert (len(verdict.chance), len(verdict.pages)) == (chance, 1 - chance)


# --- played


def told(veto: bool = False, evidence: float = 1.0, since: int = WARM + 600) -> Played:
    """A trigger that fires from ten minutes after the hour on, after a deployment at the hour."""
    night = of_kind("errors", deployed=WARM, instances=1)
    evaluated = Evaluated(night, WARM + 500)
    trigger = seen(
        night,
        "CriticalErrorRate",
        rollback="auto",
        rollback_trigger="error_rate_threshold",
        severity="critical",
    )
    for moment in range(WARM + 720, WARM + 1200, 15):
        evaluated.alerts[moment] = [Seen(trigger.labels, True, since)]
        if veto:
            evaluated.alerts[moment].append(seen(night, "PostgresDown", firing=False, rollback="veto"))
        evaluated.evidence[moment, "CriticalErrorRate"] = evidence
    return play(evaluated)


def test_the_daemon_rolls_back_on_evidence() -> None:
    played = told()
    assert (played.rolled_back, played.said) == (WARM + 735, ("CriticalErrorRate: accepted",))


@pytest.mark.parametrize(
    ("played", "reason"),
    [
        (lambda: told(veto=True), "dependency_down"),
        (lambda: told(evidence=0.0), "not_enough_evidence"),
        (lambda: told(since=WARM - 60), "alert_before_deployment"),
    ],
)
def test_the_daemon_leaves_a_release_alone(played: object, reason: str) -> None:
    found = played()  # type: ignore[operator]
    assert found.rolled_back is None
    assert Counter(found.said).keys() == {f"CriticalErrorRate: {reason}"}


def test_alerts_that_are_left_out_silence_nothing_and_are_read_by_nothing() -> None:
    left_out = [alert for name, alert in rules().items() if name not in telling()]
    read = " ".join(rule["expr"] for file in load_files() for rule in file.rules)
    routes = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text(encoding="utf-8"))
    sources = " ".join(text for rule in routes["inhibit_rules"] for text in rule["source_matchers"])

    assert len(left_out) > 10
    assert 'severity="warning"' not in sources
    assert [alert.name for alert in left_out if f'"{alert.name}"' in read] == []
    # What a template fills in may be the same in both.
    same = {"service": "shop", "env": "a", "subject": "shop", "host": "one"}
    known = {name: {**fixed(alert.labels), **same} for name, alert in rules().items()}
    silenced = {
        (alert.name, name)
        for alert in left_out
        for name in telling()
        if inhibited(routes, known[name], [known[alert.name]])
    }
    assert silenced == set()


def fixed(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if "{{" not in value}
