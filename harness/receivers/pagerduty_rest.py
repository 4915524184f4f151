"""Escalation policies as PagerDuty's REST API v2 has them: who may ask, pages of a list, and what it refuses.

Nothing is deleted, and services are what the account was given with.
"""

import json
from collections.abc import Mapping
from typing import Any

from .received import Answer

PATH = "/pagerduty-api/{path:path}"
NAME = "pagerduty_rest"
LISTS = ("users", "schedules", "escalation_policies")
TARGETS = {"user_reference": "users", "schedule_reference": "schedules"}
MOST_OF_A_PAGE = 100
WINDOW_S = 1.0
ACCEPTS = ("application/vnd.pagerduty+json;version=2", "application/json", "*/*")
Json = dict[str, Any]


class Account:
    """One account: its token, who is in it, its policies, and how many requests a second it takes."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._token = given.get("token")
        self._per_second = given.get("per_second", 0)
        self._page = min(given.get("page", MOST_OF_A_PAGE), MOST_OF_A_PAGE)
        self._has: dict[str, list[Json]] = {name: [*given.get(name, ())] for name in LISTS}
        self._taken: list[float] = []

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        raw: bytes,
        now: float,
    ) -> tuple[Answer, object]:
        """Return the answer to a request, and its body as it was understood."""
        facts = {"method": method, "path": path}
        if not self._token or headers.get("authorization") != f"Token token={self._token}":
            return _refused(401, "Unauthorized", 2006, facts), None
        if headers.get("accept", "").replace(" ", "") not in ACCEPTS:
            return _refused(406, "Not Acceptable", 2000, facts), None
        self._taken = [one for one in self._taken if one > now - WINDOW_S]
        if self._per_second and len(self._taken) >= self._per_second:
            wait = {"ratelimit-limit": str(self._per_second), "ratelimit-reset": str(WINDOW_S)}
            return _refused(429, "Rate Limit Exceeded", 2020, facts, headers=wait), None
        self._taken.append(now)
        sort, _, identity = path.partition("/")
        if sort not in LISTS or (method, bool(identity)) not in (
            (("GET"), False),
            ("POST", False),
            ("PUT", True),
        ):
            return _refused(404, "Not Found", 2100, facts), None
        if method == "GET":
            return Answer(status=200, body=self._listed(sort, query), facts=facts), None
        return self._written(sort, identity, raw, facts)

    def _listed(self, sort: str, query: Mapping[str, str]) -> Json:
        words = query.get("query", "").lower()
        found = [one for one in self._has[sort] if words in str(one.get("name", "")).lower()]
        offset = int(query.get("offset", 0))
        limit = min(int(query.get("limit", 25)), self._page)
        more = len(found) > offset + limit
        return {
            sort: found[offset : offset + limit],
            "limit": limit,
            "offset": offset,
            "total": None,
            "more": more,
        }

    def _written(self, sort: str, identity: str, raw: bytes, facts: Json) -> tuple[Answer, object]:
        there = next((one for one in self._has[sort] if one["id"] == identity), None)
        if sort != "escalation_policies" or (identity and there is None):
            return _refused(404, "Not Found", 2100, facts), None
        try:
            body = json.loads(raw)
            policy = body["escalation_policy"]
            errors = self._problems(policy, there)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _refused(400, "Invalid Input Provided", 2001, facts, [f"unreadable: {error!r}"]), None
        if errors:
            return _refused(400, "Invalid Input Provided", 2001, facts, errors), body
        rules = [
            {**rule, "id": f"R{number}", "targets": [self._named(one) for one in rule["targets"]]}
            for number, rule in enumerate(policy["escalation_rules"])
        ]
        kept = there or {"id": f"P{len(self._has[sort])}", "services": [], "num_loops": 0}
        kept.update(policy, escalation_rules=rules)
        if there is None:
            self._has[sort].append(kept)
        return Answer(status=200 if there else 201, body={"escalation_policy": kept}, facts=facts), body

    def _problems(self, policy: Json, there: Json | None) -> list[str]:
        others = [one for one in self._has["escalation_policies"] if one is not there]
        problems = [] if policy.get("name") else ["Name can't be blank"]
        if any(one["name"] == policy.get("name") for one in others):
            problems.append("Name has already been taken")
        rules = policy.get("escalation_rules") or []
        if not rules:
            problems.append("Escalation rules can't be blank")
        for rule in rules:
            delay = rule.get("escalation_delay_in_minutes")
            if not isinstance(delay, int) or delay < 1:
                problems.append("Escalation delay in minutes must be greater than 0")
            if not rule.get("targets"):
                problems.append("Targets can't be blank")
            problems += [
                f"Target {one} is invalid" for one in rule.get("targets", ()) if not self._named(one)
            ]
        return problems

    def _named(self, target: Json) -> Json:
        """A target with the name that answers have, or nothing for one that is not there."""
        some = self._has.get(TARGETS.get(target.get("type", ""), ""), ())
        return next(({**target, "summary": one["name"]} for one in some if one["id"] == target.get("id")), {})


def _refused(
    status: int,
    message: str,
    code: int,
    facts: Mapping[str, str],
    errors: list[str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    error: Json = {"message": message, "code": code} | ({"errors": errors} if errors else {})
    problems = (message, *(errors or ()))
    return Answer(status=status, body={"error": error}, problems=problems, facts=facts, headers=headers or {})
