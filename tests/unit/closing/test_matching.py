"""What silences an alert is what silences it in Alertmanager."""

import pytest

from closing.matching import Inhibition, Matcher, matches

LABELS = {"severity": "error", "host": "a"}


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        (("severity", "=", "error"), True),
        (("severity", "!=", "error"), False),
        (("severity", "=~", "error|warning"), True),
        (("severity", "=~", "err"), False),
        (("severity", "!~", "err"), True),
        (("rollback", "=", ""), True),
        (("rollback", "!~", "auto|propose"), True),
        (("severity", "=~", r"\pL+"), False),
    ],
)
def test_matcher_holds_for_the_whole_value(matcher: Matcher, holds: bool) -> None:
    assert matches([matcher], LABELS) is holds


def test_inhibition_needs_equal_labels_a_missing_one_is_empty() -> None:
    rule = Inhibition(
        source=(("symptom", "=", "host_down"),),
        target=(("severity", "!=", "critical"),),
        equal=("host", "env"),
    )

    assert rule.silences(LABELS, rule.sources([{"symptom": "host_down", "host": "a"}]))
    assert not rule.silences(LABELS, rule.sources([{"symptom": "host_down", "host": "b"}]))
    assert not rule.silences(LABELS, rule.sources([{"symptom": "host_down", "host": "a", "env": "x"}]))
    assert not rule.silences(
        {**LABELS, "severity": "critical"}, rule.sources([{"symptom": "host_down", "host": "a"}])
    )


def test_what_is_source_and_target_never_silences_its_like() -> None:
    every = (("severity", "=~", ".+"),)
    rule = Inhibition(source=every, target=every, equal=("host",))

    assert not rule.silences(LABELS, rule.sources([{**LABELS, "alertname": "other"}]))
