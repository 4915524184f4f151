#!/usr/bin/python3
"""Ansible module `pagerduty_escalation`: one escalation policy of PagerDuty calls whom the data says."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: pagerduty_escalation
short_description: One escalation policy of PagerDuty calls whom the data says
description:
  - Makes the policy, or gives it other rules. It deletes nothing, and touches no other policy and no service.
options:
  url: {type: str, required: true, description: "PagerDuty's REST API."}
  token: {type: str, required: true, description: "A key of that API that may write."}
  policy: {type: str, required: true, description: "The policy's name."}
  steps: {type: list, elements: dict, required: true, description: "What mita_escalation returns."}
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "token": {"type": "str", "required": True, "no_log": True},
    "policy": {"type": "str", "required": True},
    "steps": {"type": "list", "elements": "dict", "required": True},
}
TIMEOUT_S, PAGE, TRIES, LONGEST_WAIT_S = 20, 100, 4, 60.0
KINDS = {"users": ("user", "email"), "schedules": ("schedule", "name")}
MEND = {401: "; give a key of the REST API in pagerduty_api_token", 403: "; the key may only read"}
Json = dict[str, Any]


class PagerDutyError(Exception):
    """PagerDuty did not answer, or refused; the message never has the token in it."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


class PagerDuty:
    """Its REST API, version 2."""

    def __init__(self, url: str, token: str) -> None:
        host = urllib.parse.urlsplit(url).hostname
        if not url.startswith("https://") and host not in ("127.0.0.1", "localhost"):
            raise PagerDutyError(f"expected an address with https://, found {url}")
        self._url, self._token = url.rstrip("/"), token

    def listed(self, what: str, **asked: str) -> list[Json]:
        """Return all of one sort, page after page."""
        found: list[Json] = []
        while True:
            query = urllib.parse.urlencode({**asked, "limit": PAGE, "offset": len(found)})
            answer = self.ask("GET", f"{what}?{query}")
            page = answer.get(what)
            if not isinstance(page, list) or (answer.get("more") and not page):
                raise PagerDutyError(f"expected a list of {what}, found {str(answer)[:200]}")
            found += page
            if not answer.get("more"):
                return found

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Return an answer; where PagerDuty limits its askers, it is asked again when it says."""
        for left in range(TRIES - 1, -1, -1):
            try:
                return self._asked(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code != 429 or not left:
                    raise PagerDutyError(_refusal(method, path, error)) from error
                time.sleep(_wait(error.headers.get("ratelimit-reset", "")))
            except (OSError, ValueError, HTTPException) as error:
                raise PagerDutyError(f"expected an answer to {method} /{path}, found: {error}") from error
        raise AssertionError("the last try returns or raises")

    def _asked(self, method: str, path: str, body: Json | None) -> Json:
        headers = {
            "Accept": "application/vnd.pagerduty+json;version=2",
            "Authorization": f"Token token={self._token}",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.build_opener(NoRedirect()).open(request, timeout=TIMEOUT_S) as answer:
            found = json.load(answer)
        if not isinstance(found, dict):
            raise ValueError(f"no object but {type(found).__name__}")
        return found


def _wait(said: str) -> float:
    try:
        return min(LONGEST_WAIT_S, max(0.1, float(said)))
    except ValueError:
        return 1.0


def _refusal(method: str, path: str, error: urllib.error.HTTPError) -> str:
    """What PagerDuty says, and what to do where that is known."""
    try:
        said = json.loads(error.read(10_000))["error"]
        why = "; ".join([str(said["message"]), *map(str, said.get("errors") or ())])
    except (ValueError, KeyError, TypeError, OSError):
        why = "no reason"
    where = path.partition("?")[0]
    return f"expected {method} /{where} to be taken, found {error.code}: {why}{MEND.get(error.code, '')}"


def resolve(steps: list[Json], known: dict[str, list[Json]]) -> list[Json]:
    """Return the rules of a policy; PagerDutyError names all who are not there, or there twice."""
    wrong: list[str] = []
    rules = []
    for step in steps:
        targets = []
        for call in step["calls"]:
            kind, field = KINDS[_sort(call)]
            found = [one for one in known[_sort(call)] if _same(str(one.get(field, "")), call)]
            if len(found) != 1:
                wrong.append(f"{kind} {call} ({step['level']}) {'twice' if found else 'not'}")
            targets += [{"id": one["id"], "type": f"{kind}_reference"} for one in found]
        rules.append({"escalation_delay_in_minutes": step["minutes"], "targets": targets})
    if wrong:
        raise PagerDutyError(
            f"expected PagerDuty to know each of them once, found {', '.join(wrong)}; nothing was changed"
        )
    return rules


def _sort(call: str) -> str:
    return "users" if "@" in call else "schedules"


def _same(one: str, call: str) -> bool:
    return one.lower() == call.lower() if "@" in call else one == call


def shape(rules: list[Json]) -> list[Any]:
    """What makes two lists of rules the same: minutes and whom, in order."""
    return [
        [
            rule["escalation_delay_in_minutes"],
            sorted((one["type"].removesuffix("_reference"), one["id"]) for one in rule["targets"]),
        ]
        for rule in rules
    ]


def written(rules: list[Json], names: dict[str, str]) -> str:
    """The rules as a person reads them in a diff."""
    lines = []
    for number, rule in enumerate(rules, 1):
        called = [names.get(one["id"], one.get("summary") or one["id"]) for one in rule["targets"]]
        lines.append(f"{number}. {', '.join(called)}, for {rule['escalation_delay_in_minutes']} min\n")
    return "".join(lines)


def apply(pagerduty: PagerDuty, policy: str, steps: list[Json], *, check: bool) -> Json:
    """Give the policy its rules, and return what a task returns."""
    sorts = {_sort(call) for step in steps for call in step["calls"]}
    known = {sort: pagerduty.listed(sort) for sort in sorts}
    rules = resolve(steps, known)
    found = [
        one for one in pagerduty.listed("escalation_policies", query=policy) if one.get("name") == policy
    ]
    if len(found) > 1:
        raise PagerDutyError(f"expected one policy called {policy}, found {len(found)}; rename all but one")
    there = found[0] if found else {}
    before = there.get("escalation_rules", [])
    changed = shape(before) != shape(rules)
    if changed and not check:
        body: Json = {"type": "escalation_policy", "name": policy, "escalation_rules": rules}
        kept = {
            name: there[name] for name in ("description", "num_loops", "teams") if there.get(name) is not None
        }
        where = f"escalation_policies/{there['id']}" if there else "escalation_policies"
        pagerduty.ask("PUT" if there else "POST", where, {"escalation_policy": {**kept, **body}})
    names = {one["id"]: one[KINDS[sort][1]] for sort, some in known.items() for one in some}
    services = [str(one.get("summary", one["id"])) for one in there.get("services", ())]
    return {
        "changed": changed,
        "services": services,
        "diff": {"before": written(before, names), "after": written(rules, names)},
    }


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    try:
        pagerduty = PagerDuty(given["url"], given["token"])
        result = apply(pagerduty, given["policy"], given["steps"], check=module.check_mode)
    except PagerDutyError as error:
        module.fail_json(msg=f"PagerDuty: {error}")
    if not result["services"]:
        module.warn(
            f"no service of PagerDuty uses the policy {given['policy']} yet: choose it there, in each service"
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
