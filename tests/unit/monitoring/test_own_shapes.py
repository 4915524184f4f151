"""What a site adds and Prometheus could not load is refused, with the place, before any host is touched."""

from typing import Any

import pytest

from monitoring import own_jobs, own_rule_shapes
from monitoring.errors import CatalogError

RULE: dict[str, Any] = {"alert": "ShopEmpty", "expr": "shop_items == 0", "for": "5m"}
JOB: dict[str, Any] = {"groups": ["shop"], "port": 9000}


def document(rule: Any = RULE, **group: Any) -> dict[str, Any]:
    return {"groups": [{"name": "shop", "rules": [rule], **group}]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (document({**RULE, "colour": "red"}), "expected a rule with alert and expr, and some of alert"),
        (document({**RULE, "for": "5 minutes"}), "ShopEmpty: for: expected a duration such as 90s"),
        (document({**RULE, "expr": "up ="}), "ShopEmpty: expected a PromQL expression, found 'up ='"),
        (document({**RULE, "expr": None}), "expected a rule with alert and expr"),
        (document({**RULE, "labels": ["a"]}), "ShopEmpty: labels: expected names with texts"),
        (document({**RULE, "labels": {"a-b": "c"}}), "expected a name with a text, found a-b: 'c'"),
        (document({**RULE, "annotations": {"a": ["c"]}}), "ShopEmpty: annotations: expected a name with"),
        (document({"record": "a b", "expr": "up"}), "the name of a series to record, found 'a b'"),
        (document({"record": "a", "expr": "up", "for": "1m"}), "expected a rule with record and expr"),
        (document("up == 0"), "expected a rule with alert and expr, .* found 'up == 0'"),
        (document(rules=None), "expected a group with name and rules"),
        (document(rules="x"), "expected a list of rules in the group shop"),
        (document(every="1m"), "expected a group with name and rules, .* found name, rules, every"),
        (document(interval="1"), "shop: interval: expected a duration"),
        ({"groups": ["x"]}, "expected a group with name and rules, .* found 'x'"),
        ({"groups": [*document()["groups"]] * 2}, "expected each group once, found shop twice"),
    ],
)
def test_rules_that_prometheus_could_not_load_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        own_rule_shapes.check(wrong)


def test_rules_that_prometheus_loads_pass() -> None:
    loud = {**RULE, "labels": {"severity": "critical", "tier": 1}, "annotations": {"summary": "x"}}

    own_rule_shapes.check(document(loud, interval="1m", limit=5))
    own_rule_shapes.check(document({"record": "shop:items:sum", "expr": "sum(shop_items)"}))


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({**JOB, "prot": 1}, "shop: expected some of groups, port, .* found prot"),
        ({**JOB, "url_path": "up"}, "shop: expected url_path to begin with /, found 'up'"),
        ({**JOB, "url_path": "/up", "scheme": "ftp"}, "shop: expected scheme http or https, found 'ftp'"),
        ({**JOB, "also": [{"target": "http://gw:1/m"}]}, "shop: also: expected an address with its port"),
        ({**JOB, "also": [{"target": "gw"}]}, "shop: also: expected an address with its port"),
        ({**JOB, "also": [{"target": 5}]}, "shop: also: expected an address with its port"),
        ({**JOB, "also": [{"target": ":1"}]}, "shop: also: expected a host before the port"),
        ({**JOB, "also": [{"target": "gw:1", "labels": ["a"]}]}, "shop: also: expected {target: ..., labels"),
        ({**JOB, "also": [{"target": "gw:1", "label": {}}]}, "shop: also: expected {target: ..., labels"),
    ],
)
def test_a_job_that_prometheus_could_not_ask_is_refused(job: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError, match=f"prometheus_jobs: {says}"):
        own_jobs.check("shop", job)


def test_jobs_that_can_be_asked_pass() -> None:
    own_jobs.check("shop", {**JOB, "also": [{"target": "[fd5e::4]:1", "labels": {"host": "gw"}}]})
    own_jobs.check("up", {**JOB, "url_path": "/", "also": [{"target": "https://www.example.org/up?a=b"}]})
