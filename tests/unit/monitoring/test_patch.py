"""A site's changes are laid over a structure without copying it."""

from typing import Any

import pytest

from monitoring.patch import merge

CASES: dict[str, tuple[Any, Any, Any]] = {
    "mappings merge": ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
    "new keys are added": ({"a": 1}, {"b": {"c": 2}}, {"a": 1, "b": {"c": 2}}),
    "None removes": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "plain lists are replaced": ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "receivers merge by name": (
        [{"name": "x", "to": 1}, {"name": "y"}],
        [{"name": "x", "from": 2}, {"name": "z"}],
        [{"name": "x", "to": 1, "from": 2}, {"name": "y"}, {"name": "z"}],
    ),
    "scrape configurations merge by job_name": (
        [{"job_name": "x", "scheme": "http"}],
        [{"job_name": "x", "scheme": "https"}],
        [{"job_name": "x", "scheme": "https"}],
    ),
    "no change": ({"a": [{"name": "x"}]}, {}, {"a": [{"name": "x"}]}),
}


@pytest.mark.parametrize("case", CASES)
def test_merging(case: str) -> None:
    base, patch, expected = CASES[case]
    assert merge(base, patch) == expected
