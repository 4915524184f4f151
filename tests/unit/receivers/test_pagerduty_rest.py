"""The stand-in for PagerDuty's REST API refuses what the real one refuses."""

import json
from typing import Any

import pytest

from harness.receivers.pagerduty_rest import Account

RULE = {"escalation_delay_in_minutes": 5, "targets": [{"id": "S1", "type": "schedule_reference"}]}
POLICY = {"name": "P", "escalation_rules": [RULE]}
HEADERS = {"authorization": "Token token=t", "accept": "application/vnd.pagerduty+json;version=2"}
GIVEN: dict[str, Any] = {
    "token": "t",
    "schedules": [{"id": f"S{number}", "name": f"s{number}"} for number in range(3)],
    "escalation_policies": [{"id": "PX", "name": "taken", "escalation_rules": []}],
}


def asked(
    method: str, path: str, body: Any = None, *, account: Account | None = None, now: float = 0, **query: str
) -> Any:
    raw = json.dumps({"escalation_policy": body}).encode()
    return (account or Account(GIVEN)).answer(method, path, query, HEADERS, raw, now)[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({**HEADERS, "authorization": "Token token=x"}, 401),
        ({**HEADERS, "authorization": "Bearer t"}, 401),
        ({**HEADERS, "accept": "text/html"}, 406),
        (HEADERS, 200),
    ],
)
def test_who_may_ask(headers: dict[str, str], status: int) -> None:
    assert Account(GIVEN).answer("GET", "users", {}, headers, b"", 0)[0].status == status


def test_without_an_account_nobody_may_ask() -> None:
    assert (
        Account({}).answer("GET", "users", {}, {"authorization": "Token token=None"}, b"", 0)[0].status == 401
    )


def test_lists_come_in_pages() -> None:
    first, last = (asked("GET", "schedules", limit="2", offset=offset).body for offset in ("0", "2"))
    assert [one["id"] for one in first["schedules"]] == ["S0", "S1"] and first["more"]
    assert [one["id"] for one in last["schedules"]] == ["S2"] and not last["more"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": ""}, "Name can't be blank"),
        ({"name": "taken"}, "Name has already been taken"),
        ({"escalation_rules": []}, "Escalation rules can't be blank"),
        ({"escalation_rules": [{**RULE, "escalation_delay_in_minutes": 0}]}, "Escalation delay in minutes"),
        ({"escalation_rules": [{**RULE, "targets": []}]}, "Targets can't be blank"),
        (
            {"escalation_rules": [{**RULE, "targets": [{"id": "S9", "type": "schedule_reference"}]}]},
            "is invalid",
        ),
        ({"escalation_rules": [{**RULE, "targets": [{"id": "S1", "type": "user_reference"}]}]}, "is invalid"),
    ],
)
def test_an_invalid_policy_is_refused_with_its_errors(change: dict[str, Any], error: str) -> None:
    answer = asked("POST", "escalation_policies", {**POLICY, **change})
    assert answer.status == 400 and answer.body["error"]["code"] == 2001
    assert error in " ".join(answer.body["error"]["errors"])


def test_what_is_written_is_listed_and_can_be_changed() -> None:
    account = Account(GIVEN)
    made = asked("POST", "escalation_policies", POLICY, account=account)
    changed = asked("PUT", "escalation_policies/P1", {**POLICY, "name": "Q"}, account=account)
    listed = asked("GET", "escalation_policies", account=account, query="q").body["escalation_policies"]

    assert (made.status, changed.status) == (201, 200)
    assert [one["name"] for one in listed] == ["Q"]
    assert listed[0]["escalation_rules"][0]["targets"][0]["summary"] == "s1"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "escalation_policies/NONE"), ("POST", "users"), ("GET", "services"), ("GET", "users/U1")],
)
def test_what_is_not_there_is_not_found(method: str, path: str) -> None:
    answer = asked(method, path, POLICY)
    assert (answer.status, answer.body["error"]["code"]) == (404, 2100)


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    account = Account({**GIVEN, "per_second": 2})
    found = [asked("GET", "users", account=account, now=now) for now in (0.0, 0.1, 0.2, 1.05)]
    assert [one.status for one in found] == [200, 200, 429, 200]
    assert found[2].headers["ratelimit-reset"] == "1.0"
