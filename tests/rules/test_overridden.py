"""After an override the unit tests that still apply run with the new numbers."""

from pathlib import Path

import pytest

from devtools.paths import REPO
from harness.rules.cli import HOOKS
from monitoring.overrides import override
from ruletools.house import overridden
from ruletools.house.loading import load_files, load_suites
from ruletools.house.overridden import Verdict
from ruletools.house.overridden_report import overridden_text
from ruletools.house.site.read import read_site

FILES, SUITES = load_files(), load_suites()
ALERT = "CriticalErrorRate"  # in its test 30 % fail from 4m15s to 9m15s; beside it, 20 % and a short breach
AS_THEY_ARE = [("silent at 7m30s", "holds"), ("fires at 7m45s", "holds"), ("silent at 10m", "holds")]


def run(change: dict[str, object]) -> list[overridden.Outcome]:
    """The outcomes of the alert's own group; the one without any series only says that all is silent."""
    outcomes = overridden.run(FILES, SUITES, {ALERT: change})
    return [each for each in outcomes if each.group == ALERT]


def seen(change: dict[str, object]) -> list[tuple[str, str]]:
    return [(each.expects, str(each.verdict)) for each in run(change)]


def test_labels_severity_and_an_equal_threshold_move_nothing() -> None:
    assert seen({"severity": "error", "labels": {"team": "payments"}, "threshold": 0.2}) == AS_THEY_ARE


def test_stricter_threshold_is_crossed_later() -> None:
    assert seen({"threshold": 0.25})[1] == ("fires at 8m", "holds")


@pytest.mark.parametrize(
    "number", [0.3, 0.99, *(pytest.param(other, marks=pytest.mark.long) for other in (0.31, 0.9))]
)
def test_where_no_stimulus_reaches_the_new_threshold_a_multiplied_one_fires(number: float) -> None:
    assert seen({"threshold": number})[1] == ("fires at 7m45s, multiplied", "holds")


def test_number_that_nothing_can_reach_is_told() -> None:
    outcomes = run({"threshold": 1.01})

    assert [str(each.verdict) for each in outcomes] == ["holds", "does not apply", "holds"]
    assert "no unit test reaches the new numbers" in overridden_text(outcomes, {ALERT: {"threshold": 1.01}})


def test_looser_threshold_still_fires_and_may_fire_for_others() -> None:
    assert [verdict for _, verdict in seen({"threshold": 0.1})] == [
        "does not apply",
        "holds",
        "does not apply",
    ]


def test_waits_move_the_moment() -> None:
    assert [moment for moment, _ in seen({"for": "100s"})] == [
        "silent at 7m15s",
        "fires at 7m30s",
        "silent at 10m",
    ]
    assert seen({"for": "100s", "keep_firing_for": "2m"})[2] == ("silent at 12m", "holds")


def test_alert_that_is_switched_off_has_nothing_to_test() -> None:
    assert seen({"enabled": False}) == []


@pytest.mark.parametrize(
    "broken", [{"severity": "none"}, {"for": "1h"}, {"keep_firing_for": "1h"}, {"threshold": 9}]
)
def test_rule_that_does_not_do_what_the_override_says_fails(
    broken: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        overridden,
        "_tested",
        lambda rule, _changes: override(dict(rule), broken) if rule.get("alert") == ALERT else rule,
    )

    outcomes = overridden.run(FILES, SUITES, {ALERT: {"labels": {"team": "payments"}}})

    assert Verdict.FAILS in [each.verdict for each in outcomes]


SITES = sorted(path.parent for path in (REPO / "inventories").glob("*/hosts.yml"))


@pytest.mark.parametrize("site", SITES, ids=[site.name for site in SITES])
def test_no_override_of_a_site_breaks_a_unit_test(site: Path) -> None:
    overrides = read_site(str(site), HOOKS).overrides

    assert [each for each in overridden.run(FILES, SUITES, overrides) if each.verdict is Verdict.FAILS] == []
