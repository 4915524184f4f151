"""What coverage found, as text, JSON and JUnit."""

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from ruletools.coverage import Coverage


def as_text(table: Sequence[Coverage]) -> str:
    """One line per alert: `x` shown, `-` cannot exist, `MISSING`."""
    width = max([len("alert"), *(len(row.alert) for row in table)])
    cases = table[0].cases if table else ()
    lines = ["  ".join([f"{'alert':{width}}", *(f"{case:8}" for case in cases)]).rstrip()]
    for row in table:
        marks = (f"{_mark(row, case):8}" for case in cases)
        lines.append("  ".join([f"{row.alert:{width}}", *marks]).rstrip())
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
    suite = ElementTree.Element("testsuite", name="alert coverage")
    for row in table:
        for case in row.cases:
            element = ElementTree.SubElement(suite, "testcase", classname=row.alert, name=case)
            if case in row.missing:
                ElementTree.SubElement(element, "failure", message=f"expected a unit test of {case}")
            elif case not in row.shown:
                ElementTree.SubElement(element, "skipped", message=row.excused[case])
    suite.set("tests", str(len(suite)))
    return ElementTree.tostring(suite, encoding="unicode")


def summary(table: Sequence[Coverage]) -> str:
    """How much of it all is shown, in numbers."""
    fires = sum("fires" in row.shown for row in table)
    wanted = sum(len(row.shown) + len(row.missing) for row in table)
    shown = sum(len(row.shown) for row in table)
    cases = f"{shown} of {wanted} cases are shown ({_percent(shown, wanted)})"
    if not all("fires" in row.cases for row in table):
        return cases
    part = _percent(fires, len(table))
    return f"{fires} of {len(table)} alerts are expected to fire by a test ({part}); {cases}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "nothing to show"


FORMATS = {"text": as_text, "json": as_json, "junit": as_junit}
