"""What is said of one alert on paper is the same whether it is asked about alone or with all."""

from devtools.system import say
from harness.proof.marks import FINE
from harness.proof.on_paper import on_paper


def test_an_alert_that_is_asked_about_alone_is_right_on_paper() -> None:
    paper = on_paper(["HighP95Latency"], mutants=False, say=say)

    [steps] = paper.steps.values()
    assert all(step.mark in FINE for step in steps), steps
