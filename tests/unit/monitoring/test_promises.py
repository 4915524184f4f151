"""Promises of a site are laid over those of the repository, and odd ones are refused in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from monitoring import contract, slo
from monitoring.catalog import CatalogError, render_rules
from monitoring.promises import promises
from monitoring.promql import Selector, walk
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_yaml

RULES = Path(slo.__file__).parent / "rules"
TEXT = slo.SOURCE.read_text(encoding="utf-8")


def rendered(promised: Any, **more: Any) -> dict[str, Any]:
    """The rules of the promises by name."""
    document = read_yaml(render_rules(RULES, promised=promised, **more)["slo.rules.yml"])
    return {rule.get("alert") or rule["record"]: rule for g in document["groups"] for rule in g["rules"]}


def paths(rules: dict[str, Any]) -> set[str]:
    nodes = walk(parse(rules["instance:journey_answers:sum"]["expr"]))
    found = [node for node in nodes if isinstance(node, Selector)]
    return {each.value for node in found for each in node.matchers if each.name == "path"}


def test_a_site_names_its_own_journeys() -> None:
    wild = r'/api/v1\.0/(check"out|basket)'

    found = rendered({"journeys": {"checkout": wild, "revenue": None}})

    assert paths(found) == {"/api/register", "/api/transactions", wild}


def test_a_site_promises_other_numbers_and_the_scale_applies_to_them() -> None:
    found = rendered(
        {
            "objectives": [{"name": "availability", "objective": 0.995}],
            "burns": {"FastBurn": {"failures": 50}},
        },
        time_scale=15,
        overrides={"SloAvailabilityFastBurn": {"for": "45s"}},
    )

    alert = found["SloAvailabilityFastBurn"]
    assert alert["for"] == "3s"
    assert "0.005" in alert["expr"] and ">= 50" in alert["expr"]
    assert alert["annotations"]["query"] == " ".join(alert["expr"].split())
    assert "0.99" not in found["SloLatencyFastBurn"]["expr"]
    assert found["slo:availability:allowed:ratio"]["expr"] == "vector(0.005)"  # what the dashboards read


def test_without_a_patch_the_file_is_the_repositorys() -> None:
    assert render_rules(RULES)["slo.rules.yml"] == slo.TARGET.read_text(encoding="utf-8")
    assert render_rules(RULES, promised={}) == render_rules(RULES)


NEW = {
    "name": "checkout",
    "objective": 0.99,
    "failure": "lost",
    "total": "a",
    "bad": "b",
    "alerts": ["FastBurn"],
}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("journeys", "slo: expected a mapping laid over slo.yml, found 'journeys'"),
        ({"journeys": None}, "slo: expected period, journeys, objectives, burns, exhausted in the whole"),
        ({"journies": {"a": "/a"}}, "exhausted in the whole, found journies"),
        ({"journeys": {"Check out": "/a"}}, "small letters, digits and _, found 'Check out'"),
        ({"journeys": {"a": "/a("}}, "as the paths of the journey a, found '/a('"),
        ({"journeys": {"a": "/(?!b).*"}}, "a regular expression as the paths of the journey a"),
        ({"journeys": {"a": ""}}, "a regular expression as the paths of the journey a"),
        ({"journeys": {"a": 5}}, "a regular expression as the paths of the journey a"),
        ({"journeys": {"a": "/a\n/b"}}, "a regular expression as the paths of the journey a"),
        ({"objectives": [{"name": "availability", "objective": 99.5}]}, "above 0 and below 1, found 99.5"),
        ({"objectives": [{"name": "availability", "good": "g"}]}, "`good` of the objective availability"),
        ({"objectives": [{"name": "latency", "alerts": ["Fast"]}]}, "alerts of latency among FastBurn"),
        ({"objectives": [{"name": "latency", "alerts": "FastBurn"}]}, "a list of names, found 'FastBurn'"),
        ({"objectives": [{"name": "avail", "objective": 0.9}]}, "in an objective, found no failure"),
        ({"objectives": None}, "exhausted in the whole, found no objectives"),
        ({"objectives": [NEW]}, "found the new alert SloCheckoutFastBurn: it has no runbook"),
        ({"burns": {"FastBurn": {"failures": None}}}, "in the burn FastBurn, found no failures"),
        ({"burns": {"FastBurn": {"failures": 0}}}, "a number of failures of at least 1, found 0"),
        ({"burns": {"FastBurn": {"long": "soon"}}}, "a duration such as 5m, found 'soon'"),
        ({"exhausted": {"severity": "loud"}}, "expected severity of exhausted to be one of"),
    ],
)  # fmt: skip
def test_odd_promises_are_refused(patch: Any, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        render_rules(RULES, promised=patch)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  revenue: /api/revenue", "  registration: /api/revenue", "registration twice in line"),
        ("name: latency", "name: availability", "expected each objective once, found availability twice"),
        ("period: 30d", "period: 30d]: [", "slo.yml: expected YAML, found"),
    ],
)
def test_an_odd_file_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT

    with pytest.raises(CatalogError, match=message):
        promises(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected a list of series, found dict"),
        ("[", "contract.yml: expected YAML"),
        ("- {name: a, kind: gauge, labels: []}\n- {name: a, kind: gauge, labels: []}", "found a twice"),
        ("- {name: a, kind: gauge}", "expected name, kind"),
        ("- {name: a, kind: other, labels: []}", "expected name, kind"),
        ("- {name: a b, kind: gauge, labels: []}", "expected name, kind"),
        ("- {name: a, kind: gauge, labels: [], more: 1}", "expected name, kind"),
        ("- a", "expected name, kind"),
    ],
)
def test_an_odd_contract_is_refused(text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        contract.series(text)
