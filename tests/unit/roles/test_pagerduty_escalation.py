"""What the module `pagerduty_escalation` makes of the data, without a PagerDuty."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from devtools.paths import REPO


def _module() -> ModuleType:
    path = REPO / "playbooks" / "library" / "pagerduty_escalation.py"
    spec = importlib.util.spec_from_file_location("pagerduty_escalation", path)
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


MODULE = _module()
KNOWN: dict[str, list[dict[str, Any]]] = {
    "users": [{"id": "U1", "name": "Dana", "email": "dana@example.org"}],
    "schedules": [
        {"id": "S1", "name": "first"},
        {"id": "S2", "name": "twice"},
        {"id": "S3", "name": "twice"},
    ],
}


def step(*calls: str) -> dict[str, Any]:
    return {"level": "L1", "minutes": 5, "calls": [*calls]}


def test_names_become_what_pagerduty_knows_them_by() -> None:
    assert MODULE.resolve([step("first", "DANA@example.org")], KNOWN) == [
        {
            "escalation_delay_in_minutes": 5,
            "targets": [{"id": "S1", "type": "schedule_reference"}, {"id": "U1", "type": "user_reference"}],
        }
    ]


def test_all_who_are_not_there_once_are_named() -> None:
    with pytest.raises(MODULE.PagerDutyError) as found:
        MODULE.resolve([step("First", "x@example.org"), step("twice")], KNOWN)
    assert "schedule First (L1) not, user x@example.org (L1) not, schedule twice (L1) twice" in str(
        found.value
    )


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([(5, ["schedule:S1", "user:U1"])], True),
        ([(5, ["user:U1", "schedule:S1"])], True),
        ([(6, ["schedule:S1", "user:U1"])], False),
        ([(5, ["schedule:S1"])], False),
        ([(5, ["schedule:S1", "user:U1"])] * 2, False),
    ],
)
def test_rules_are_the_same_with_the_same_people_in_the_same_order(other: Any, same: bool) -> None:
    """Answers call a target by another type than requests do, and in their own order."""
    there = [
        {
            "id": "R",
            "escalation_delay_in_minutes": minutes,
            "targets": [dict(zip(("type", "id"), one.split(":"), strict=True)) for one in who],
        }
        for minutes, who in other
    ]
    rules = MODULE.resolve([step("first", "dana@example.org")], KNOWN)
    assert (MODULE.shape(there) == MODULE.shape(rules)) is same


@pytest.mark.parametrize(
    "url", ["http://api.pagerduty.com", "http://127.0.0.1.example.org", "ftp://localhost.x"]
)
def test_the_token_goes_over_https_alone(url: str) -> None:
    with pytest.raises(MODULE.PagerDutyError, match="expected an address with https://"):
        MODULE.PagerDuty(url, "token")


@pytest.mark.parametrize(("said", "seconds"), [("3", 3), ("0", 0.1), ("9000", 60), ("", 1), ("soon", 1)])
def test_a_limit_is_waited_for_within_reason(said: str, seconds: float) -> None:
    assert MODULE._wait(said) == seconds


def test_no_redirect_is_followed_with_the_token() -> None:
    assert MODULE.NoRedirect().redirect_request(None, None, 302, "", {}, "http://elsewhere") is None
