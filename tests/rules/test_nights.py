"""Nights that are worth keeping, through the real rules and the daemon's decisions."""

import pytest

from benchmarks.nights.evaluation import evaluate
from benchmarks.nights.judgement import Verdict, judge
from benchmarks.nights.night import draw
from benchmarks.nights.playing import play
from devtools.paths import REPO
from monitoring.yaml_text import read_yaml

CASES = read_yaml((REPO / "tests" / "rules" / "nights.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def verdicts() -> dict[tuple[int, int], Verdict]:
    """All of them, evaluated together."""
    judged = [
        judge(each, play(each)) for each in evaluate([draw(case["seed"], case["number"]) for case in CASES])
    ]
    return {(verdict.seed, verdict.number): verdict for verdict in judged}


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_night_is_right(case: dict[str, object], verdicts: dict[tuple[int, int], Verdict]) -> None:
    verdict = verdicts[int(str(case["seed"])), int(str(case["number"]))]

    assert (verdict.rolled_back is not None) == case["rolled_back"]
    assert not verdict.wrong, verdict
