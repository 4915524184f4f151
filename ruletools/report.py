"""What coverage and overridden tests found, as text; coverage also as JSON and JUnit."""

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from monitoring.overrides import Overrides
from ruletools.house.coverage import CASES, Coverage
from ruletools.house.overridden import Outcome, Verdict


def as_text(table: Sequence[Coverage]) -> str:
    """One line per alert: `x` shown, `-` cannot exist, `MISSING`."""
    width = max(len(row.alert) for row in table)
    lines = ["  ".join([f"{'alert':{width}}", *(f"{case:8}" for case in CASES)])]
    for row in table:
        lines.append(
            "  ".join([f"{row.alert:{width}}", *(f"{_mark(row, case):8}" for case in CASES)]).rstrip()
        )
    missing = sum(len(row.missing) for row in table)
    return "\n".join([*lines, f"{len(table)} alerts, {missing} cases missing"])


def _mark(row: Coverage, case: str) -> str:
    if case in row.missing:
        return "MISSING"
    return "x" if case in row.shown else "-"


def as_json(table: Sequence[Coverage]) -> str:
    """A list of {alert, shown, excused, missing}."""
    rows = [
        {
            "alert": row.alert,
            "shown": sorted(row.shown),
            "excused": dict(row.excused),
            "missing": list(row.missing),
        }
        for row in table
    ]
    return json.dumps(rows, indent=2)


def as_junit(table: Sequence[Coverage]) -> str:
    """A test case per alert and case; missing ones are failures, those that cannot exist are skipped."""
    suite = ElementTree.Element("testsuite", name="alert coverage", tests=str(len(table) * len(CASES)))
    for row in table:
        for case in CASES:
            element = ElementTree.SubElement(suite, "testcase", classname=row.alert, name=case)
            if case in row.missing:
                ElementTree.SubElement(element, "failure", message=f"expected a unit test in which it {case}")
            elif case not in row.shown:
                ElementTree.SubElement(element, "skipped", message=row.excused[case])
    return ElementTree.tostring(suite, encoding="unicode")


def overridden_text(outcomes: Sequence[Outcome], overrides: Overrides) -> str:
    """Each overridden alert with its change, then its checks; last how many there were of each kind."""
    lines = []
    for alert, change in overrides.items():
        mine = [outcome for outcome in outcomes if outcome.alert == alert]
        lines.append(f"{alert}: {', '.join(f'{field} {value}' for field, value in change.items())}")
        lines += [f"  {each.verdict:16}{each.expects:24}{each.group}" for each in mine]
        if mine and not any(each.verdict == Verdict.HOLDS and "fires" in each.expects for each in mine):
            lines.append("  no unit test reaches the new numbers: that it fires is not shown")
        lines += [] if mine else ["  switched off: nothing to test"]
    counts = [f"{sum(each.verdict == kind for each in outcomes)} {kind.value}" for kind in Verdict]
    return "\n".join([*lines, ", ".join(counts) if overrides else "no alert is overridden here"])
