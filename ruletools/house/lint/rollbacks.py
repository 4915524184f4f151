"""What the rollback daemon reads on an alert: a closed vocabulary, and three questions to ask.

Evidence that is made of counts has no value where BackendCountersUnsound says that they cannot be believed.
"""

import re
from collections.abc import Iterator, Mapping

from monitoring.catalog import Alert
from monitoring.errors import CatalogError
from monitoring.promql import Binary, Call, Node, Selector, walk
from monitoring.promql_parse import parse
from monitoring.thresholds import threshold
from ruletools.cases import COUNTERS
from ruletools.house.lint.content import House
from ruletools.lint.findings import Finding
from ruletools.ruleset import Rule, RuleFile

ASKED = ("auto", "propose")  # what is delivered to the daemon to be decided
KINDS = (*ASKED, "veto", "heartbeat", "recovering")
ASKS = ("verify", "measures", "evidence")
OWN = {"service": "{{ $labels.service }}", "env": "{{ $labels.env }}"}
UNSOUND = "BackendCountersUnsound"
_TEMPLATE = re.compile(r"\{\{.*?\}\}")


def rollbacks(content: House, alert: Alert) -> Iterator[Finding]:
    """What is wrong with what an alert tells the daemon."""
    recorded = {name: rule for file in content.files for name, rule in file.recordings.items()}
    for field, what, mend in _wrong(alert, alert.labels.get("rollback"), recorded):
        yield content.at_rule(alert.file, alert.name, field, what, mend)


def _wrong(alert: Alert, kind: str | None, recorded: Mapping[str, Rule]) -> Iterator[tuple[str, str, str]]:
    if kind not in (None, *KINDS):
        what = f"nothing reads `rollback: {kind}`"
        yield "labels.rollback", what, f"use one of {', '.join(KINDS)}"
    asked = kind in ASKED
    if asked != (alert.rollback_trigger is not None):
        what = "`rollback: auto` or `propose` and `rollback_trigger` belong together"
        yield "labels", what, "add the other one"
    for name in ASKS:
        if asked != (name in alert.annotations):
            what = f"`rollback: auto` or `propose` and `{name}` belong together"
            yield "annotations", what, "add the other one"
        elif asked and (what := _wrong_question(name, alert, recorded)):
            mend = 'write name{service="{{ $labels.service }}",env="{{ $labels.env }}"} of a recorded series'
            yield f"annotations.{name}", f"`{name}` {what}", mend
    if asked and (name := _believed_blindly(alert.annotations.get("evidence", ""), recorded)):
        what = f"{name} is made of counts and has a value where they are unsound"
        mend = f'append to that rule: unless on (service, env) ALERTS{{alertname="{UNSOUND}"}}'
        yield "annotations.evidence", what, mend


def _believed_blindly(evidence: str, recorded: Mapping[str, Rule]) -> str:
    """The recorded series that the evidence reads, if nothing in it asks whether counts are sound."""
    name = evidence.partition("{")[0]
    if name not in recorded or UNSOUND in recorded[name]["expr"]:
        return ""
    return name if _counts(name, recorded) else ""


def _counts(name: str, recorded: Mapping[str, Rule]) -> bool:
    """Whether a recorded series is made of counts, by itself or by what it reads."""
    behind = RuleFile("", tuple(recorded.values())).needed([name])
    trees = (parse(recorded[each]["expr"]) for each in behind)
    return any(isinstance(node, Call) and node.function in COUNTERS for tree in trees for node in walk(tree))


def _wrong_question(name: str, alert: Alert, recorded: Mapping[str, Rule]) -> str:
    """What is wrong with one of the three, or nothing."""
    text = alert.annotations[name]
    if unknown := sorted(set(_TEMPLATE.findall(text)) - set(OWN.values())):
        return f"is templated with {', '.join(unknown)}, which the daemon cannot fill in"
    try:
        tree = parse(text)
    except CatalogError as error:
        return str(error)
    if isinstance(tree, Binary):
        if name == "measures" or not tree.return_bool or threshold(tree) is None:
            return "is more than a recorded series, or its comparison with a number by `bool`"
        if threshold(tree) != threshold(alert.tree):
            return "compares with another number than the alert"
    elif name == "verify":
        return "is no comparison, which would say whether all is well"
    if name == "measures" and tree != _measured(alert):
        return "is not what `verify` compares"
    return _wrong_series(tree.lhs if isinstance(tree, Binary) else tree, recorded)


def _measured(alert: Alert) -> Node | None:
    verify = parse(alert.annotations["verify"]) if "verify" in alert.annotations else None
    return verify.lhs if isinstance(verify, Binary) else None


def _wrong_series(tree: Node, recorded: Mapping[str, Rule]) -> str:
    """Whether it is anything but what a rule records now, of the alert's service and environment."""
    if not isinstance(tree, Selector) or tree.metric not in recorded:
        return "reads what no rule records: the time scale would not change its windows"
    if tree.range is not None or tree.offset:
        return "looks back: what is recorded now has done so already"
    if {matcher.name: matcher.value for matcher in tree.matchers} != OWN:
        return "asks for another service or environment than the alert's own"
    return ""
