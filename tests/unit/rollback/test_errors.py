"""Every error is drawn in the tree and has an HTTP status."""

import json
import re

import pytest

from rollback.api.problems import REASONS, answer, status_of
from rollback.domain import errors
from rollback.domain.errors import RollbackError

STATUSES = {
    "Refused": 409,
    "NotFound": 404,
    "RollbackInProgress": 409,
    "DeploymentInProgress": 409,
    "VersionRejected": 409,
    "OtherEnvironment": 409,
    "DeploymentClosed": 409,
    "NothingToRollBack": 409,
    "ReleaseWasRestored": 409,
    "AlreadyAnswered": 409,
    "FactsMoved": 409,
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "TooManyAttempts": 429,
    "BodyTooLarge": 413,
    "Undecodable": 400,
    "Unavailable": 503,
    "StoreUnavailable": 503,
    "QueueFull": 503,
    "ShuttingDown": 503,
    "Blind": 503,
    "NotTaken": 503,
    "Undeliverable": 500,
    "ConcurrentChange": 503,
    "IllegalTransition": 500,
    "SettingsInvalid": 500,
}


def family(kind: type[RollbackError]) -> list[type[RollbackError]]:
    return [kind, *(relative for child in kind.__subclasses__() for relative in family(child))]


ALL = [kind for kind in family(RollbackError) if kind is not RollbackError]


@pytest.mark.parametrize("kind", ALL)
def test_error_has_its_status(kind: type[RollbackError]) -> None:
    assert status_of(kind()) == STATUSES[kind.__name__]


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__ or "", flags=re.MULTILINE)

    assert {name for _, name in drawn} == {kind.__name__ for kind in ALL}
    for indent, name in drawn:
        parent = getattr(errors, name).__mro__[1]
        assert (parent is RollbackError) == (indent == ""), name


def test_every_temporary_refusal_makes_alertmanager_try_again() -> None:
    assert {status_of(kind()) for kind in family(errors.Unavailable)} == {503}


def test_a_refused_deployment_says_why_in_a_word() -> None:
    response = answer(errors.VersionRejected())

    assert b'"reason":"version_rejected"' in response.body


@pytest.mark.parametrize("kind", family(errors.Refused))
def test_every_refusal_has_a_word_of_its_own(kind: type[errors.Refused]) -> None:
    body = json.loads(bytes(answer(kind("no", ("it runs 2.0",))).body))

    assert set(REASONS) == set(family(errors.Refused))
    assert len(set(REASONS.values())) == len(REASONS)
    assert body == {"error": "no", "reason": REASONS[kind], "known": ["it runs 2.0"]}


def test_an_error_without_words_says_what_its_class_says() -> None:
    assert "temporarily unable" in str(errors.Unavailable())
