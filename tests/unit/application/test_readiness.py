"""One release is no less ready than another, component by component; the unknown is not demanded."""

from typing import Any

import pytest

from roles.application.module_utils.mita_app.readiness import Answer, Demand, no_less_than, parse


def said(version: str = "2", **healths: float) -> dict[str, Any]:
    return {"version": version, "components": {name: {"health": health} for name, health in healths.items()}}


def test_answer_says_version_and_what_works() -> None:
    answer = parse(503, said(database=0.5, redis=0, jwt=1))

    assert (answer.version, answer.ready, answer.broken) == ("2", False, ["redis"])
    assert answer.words == "not ready with version 2; redis do not work"


@pytest.mark.parametrize("body", ["text", None, [], {}, {"components": "?"}, {"components": {"redis": 1}}])
@pytest.mark.parametrize("status", [200, 404, 503])
def test_answer_that_makes_no_sense_is_an_answer_without_a_version(status: int, body: Any) -> None:
    assert parse(status, body).version is None


BOTH = parse(200, said(database=1, redis=1))
NO_REDIS = parse(503, said(database=1, redis=0))
NO_DATABASE = parse(503, said(database=0, redis=1))
NOTHING_YET = parse(503, said())
PLAIN_READY, PLAIN_NOT = parse(200, {"version": "2"}), parse(503, {"version": "2"})


@pytest.mark.parametrize(
    ("before", "after", "met"),
    [
        (BOTH, BOTH, True),
        (BOTH, NO_REDIS, False),
        (NO_REDIS, NO_REDIS, True),
        (NO_REDIS, BOTH, True),
        (NO_REDIS, NO_DATABASE, False),
        (NO_REDIS, NOTHING_YET, False),
        (NO_REDIS, parse(503, said(redis=0)), True),  # it has no such component
        (BOTH, PLAIN_READY, True),
        (BOTH, PLAIN_NOT, False),
        (PLAIN_READY, PLAIN_NOT, False),
        (PLAIN_READY, NO_REDIS, False),
        (PLAIN_NOT, NO_REDIS, True),
        (Answer(), NOTHING_YET, True),  # the one before did not answer
    ],
)
def test_no_less_ready_than_what_was_left(before: Answer, after: Answer, met: bool) -> None:
    assert no_less_than(before).met_by(after) is met


def test_deployment_demands_everything() -> None:
    assert Demand().met_by(BOTH) and not Demand().met_by(NO_REDIS)
