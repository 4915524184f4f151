"""The tools that judge the rules: coverage is complete, mutation notices faults, lint finds nothing."""

import pytest

from monitoring.catalog import load
from ruletools.coverage_report import as_json, as_junit, as_text
from ruletools.house.coverage import cover, load_exemptions
from ruletools.house.files import EQUIVALENTS, RULES
from ruletools.house.loading import load_files, load_suites
from ruletools.mutation import report as mutation_report
from ruletools.mutation.mutants import mutants
from ruletools.mutation.run import load_equivalents, mutate

TABLE = cover(load(RULES), load_suites(), load_exemptions())


@pytest.mark.parametrize("row", TABLE, ids=[row.alert for row in TABLE])
def test_every_case_of_every_alert_has_a_unit_test(row: object) -> None:
    assert row.missing == ()  # type: ignore[attr-defined]


def test_a_case_without_a_unit_test_is_reported_in_every_format() -> None:
    suites = tuple(suite for suite in load_suites() if suite.name != "queue")
    table = cover([alert for alert in load(RULES) if alert.name == "QueueDepthHigh"], suites, {})
    assert table[0].missing == ("fires", "below", "short", "resolves", "missing")
    assert "MISSING" in as_text(table)
    assert '"missing": [\n      "fires"' in as_json(table)
    assert as_junit(table).count("<failure") == 5


def test_each_mutant_is_wrong_in_one_place() -> None:
    rule = {
        "alert": "A",
        "expr": 'sum by (service) (rate(x{job="j"}[5m] offset 1h)) > 5 and y',
        "for": "2m",
        "labels": {"severity": "critical", "rollback": "auto"},
    }
    faults = [mutant.fault.split(" in `")[0] for mutant in mutants(rule)]
    assert faults == [
        "right arm of and removed",
        "left arm of and removed",
        "> becomes >=",
        "> becomes <",
        "sum becomes max",
        "by loses service",
        "rate becomes irate",
        "rate becomes delta",
        "range becomes 10m",
        "range becomes 2m30s",
        "offset removed",
        "offset doubled",
        'job="j" dropped',
        'job="j" becomes job="something-else"',
        "5 becomes 5.1",
        "5 becomes 4.9",
        "for becomes 4m",
        "for becomes 1m",
        "severity becomes error",
        "label rollback dropped",
    ]


def test_good_unit_tests_kill_every_mutant_and_none_without_them() -> None:
    files, suites = load_files(), load_suites()
    result = mutate(files, suites, only={"QueueDepthHigh"}, equivalents=load_equivalents(EQUIVALENTS))
    assert result.survived == ()
    assert len(result.killed) > 10
    blind = mutate(
        files,
        tuple(suite for suite in suites if suite.name == "grafana"),
        only={"mita:redis_application_clients:min"},
        equivalents=(),
    )
    assert blind.killed == ()
    assert "survived: mita:redis_application_clients:min: min becomes max" in mutation_report.as_text(
        blind, files
    )
