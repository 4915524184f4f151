"""Which faults are tried: functions become their siblings, a count moves by one, a measure by a fiftieth."""

import pytest

from ruletools.mutation.mutants import mutants


def faults(expression: str) -> list[str]:
    """The faults of a recorded expression, without where they are."""
    return [each.fault.partition(" in `")[0] for each in mutants({"record": "x", "expr": expression})]


@pytest.mark.parametrize(
    ("expression", "others"),
    [
        ("rate(a_total[5m])", ["irate", "delta"]),
        ("increase(a_total[5m])", ["irate", "delta"]),
        ("max_over_time(a[5m])", ["avg_over_time"]),
        ("min_over_time(a[5m])", ["avg_over_time"]),
        ("avg_over_time(a[5m])", ["max_over_time", "min_over_time"]),
        ("changes(a[5m])", ["resets"]),
        ("resets(a[5m])", ["changes"]),
        ("abs(a)", []),
    ],
)
def test_a_function_becomes_each_sibling_that_another_stimulus_tells(
    expression: str, others: list[str]
) -> None:
    function = expression.partition("(")[0]

    assert [fault for fault in faults(expression) if fault.startswith(function)] == [
        f"{function} becomes {other}" for other in others
    ]


@pytest.mark.parametrize(
    ("expression", "number", "others"),
    [
        ("increase(a_total[5m]) > 50", "50", ["51", "49"]),
        ("sum by (x) (changes(a_seconds[5m])) > 50", "50", ["51", "49"]),
        ("count(a_seconds) > 50", "50", ["51", "49"]),
        ("count_over_time(a_seconds[5m]) >= 4", "4", ["5", "3"]),
        ("queue_depth > 500", "500", ["501", "499"]),
        ("max_over_time(queue_depth[5m]) > 500", "500", ["501", "499"]),
        ("pg_up == 0", "0", ["1", "-1"]),
        ("instance:x_seconds_count:increase5m > 50", "50", ["51", "49"]),
        ("topk(2, a_seconds)", "2", ["3", "1"]),
        ("hour() >= 6", "6", ["7", "5"]),
        ("rate(a_total[5m]) > 100", "100", ["102", "98"]),
        ("a_total / b_total > 0.2", "0.2", ["0.204", "0.196"]),
        ("avg_over_time(queue_depth[5m]) > 500", "500", ["510", "490"]),
        ("a_duration_seconds > 300", "300", ["306", "294"]),
        ("increase(a_seconds_total[5m]) > 300", "300", ["306", "294"]),
        ("a_usage_percent > 85", "85", ["86.7", "83.3"]),
        ("service:http:rate5m > 2", "2", ["2.04", "1.96"]),
        ("time() - a_timestamp > 600", "600", ["612", "588"]),
        ("a_total > 3 * 86400", "86400", ["88128", "84672"]),
        ("histogram_quantile(0.95, rate(a_bucket[5m]))", "0.95", ["0.969", "0.931"]),
    ],
)
def test_a_number_moves_by_one_where_it_counts_and_by_a_fiftieth_where_it_measures(
    expression: str, number: str, others: list[str]
) -> None:
    assert [fault for fault in faults(expression) if fault.startswith(f"{number} becomes")] == [
        f"{number} becomes {other}" for other in others
    ]
