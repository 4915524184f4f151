"""A report as text, as JSON, and as the page that a weekly or monthly review begins with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from harness.notify.called import lines as kept
from harness.report.of_period import moment
from harness.report.records import Case, Figure, Report, Right, State
from monitoring.escalation import Escalation, Paged, needed_share

NOISY = 3
"""So many times in a period, and an alert is asked about."""
SHORT_S = 300.0
"""An alert that is over so soon is over before anybody looked."""
WEEK_S = 8 * 86400
SIGNS = {State.MET: "met", State.MISSED: "MISSED", State.UNKNOWN: "unknown"}


def lines(report: Report) -> Iterator[str]:
    """The report as text: promises first, then each alert, then what is not known."""
    known = report.known
    yield f"from {moment(known.began)} to {moment(known.ended)}: alerts fired {_times(len(report.cases))}"
    for figure in report.figures:
        yield f"  {_said(figure)}"
    for name in sorted({case.firing.alert for case in report.cases}):
        yield from _alert([case for case in report.cases if case.firing.alert == name])
    yield from (f"MISSED: {miss}" for miss in report.misses)
    yield from _quiet(report)
    yield from (f"NOT KNOWN: {words}" for words in report.lost)


def as_json(report: Report) -> dict[str, Any]:
    """The report as a machine reads it."""
    return {
        "from": report.known.began,
        "to": report.known.ended,
        "figures": [asdict(one) for one in report.figures],
        "cases": [asdict(one) for one in report.cases],
        "misses": list(report.misses),
        "quiet": [asdict(one) for one in report.known.quiet],
        "lost": list(report.lost),
    }


def review_name(report: Report) -> str:
    """The name of the file: of the week or of the month in which the period begins."""
    began = datetime.fromtimestamp(report.known.began, UTC)
    if report.known.ended - report.known.began <= WEEK_S:
        year, week, _ = began.isocalendar()
        return f"weekly-{year}-W{week:02d}.md"
    return f"monthly-{began:%Y-%m}.md"


def review(report: Report, escalation: Escalation, paged: Sequence[Paged], played: Sequence[str]) -> str:
    """The page of a review: what to talk about, and what is not known. *played* had a fault in the period."""
    known = report.known
    parts = [
        f"# Alerts from {moment(known.began)} to {moment(known.ended)}\n",
        "## What is promised\n",
        *(f"- {_said(figure)}" for figure in report.figures),
        "\n## Volume\n",
        *_or_none(
            _volume(report), "Nothing fired." if not report.lost else "Nothing is known to have fired."
        ),
        "\n## Noisy alerts\n",
        *_or_none(
            _noisy(report), f"None fired {NOISY} times, none was over within {SHORT_S / 60:g} minutes."
        ),
        "\n## Thresholds to tune\n",
        *_or_none(_to_tune(report), "Nobody called an alert false."),
        "\n## Without a verdict\n",
        *_or_none(_without(report), "All were judged."),
        "\n## Runbooks that nobody tried\n",
        *_or_none(
            (f"- {one.name}" for one in paged if one.name not in {*played, *_fired(report)}),
            "Each alert that pages fired or was played.",
        ),
        "\n## Escalation\n",
        *_escalation(escalation, paged),
        "\n## Not known\n",
        *_or_none((f"- {words}" for words in report.lost), "Every source answered for the whole period."),
    ]
    return "\n".join(parts) + "\n"


def _said(figure: Figure) -> str:
    value = "nothing known" if figure.value is None else _number(figure)
    unknown = f", {figure.unknown} not known" if figure.unknown else ""
    return (
        f"{figure.name}: {value}, promised {figure.promised}: {SIGNS[figure.state]} "
        f"({figure.known} known{unknown})"
    )


def _number(figure: Figure) -> str:
    value = figure.value or 0.0
    return f"{value:.1f} min" if figure.promised.endswith("min") else f"{value:.1%}"


def _alert(cases: Sequence[Case]) -> Iterator[str]:
    first, rights = cases[0].firing, Counter(case.right for case in cases)
    marks = ", ".join(f"{rights[right]} {right}" for right in Right if rights[right])
    yield f"{first.alert} ({first.severity or 'no severity'}) fired {_times(len(cases))}: {marks}"
    for case in cases:
        times = {
            "detected": case.detected,
            "told": case.told,
            "acknowledged": case.acknowledged,
            "resolved": case.resolved,
        }
        said = ", ".join(
            f"{name} {'unknown' if value is None else f'{value:.0f} s'}" for name, value in times.items()
        )
        about = f" under {case.fault}" if case.fault else ""
        yield f"    {moment(case.firing.began)}{about}: {case.right}; {said}"


def _quiet(report: Report) -> Iterator[str]:
    if not report.known.quiet:
        yield "no quiet time is in the journal: nobody knows that healthy load pages nobody"
    for one in report.known.quiet:
        fired, told = ", ".join(one.fired) or "nothing fired", ", ".join(one.told) or "nobody was told"
        yield f"quiet for {(one.ended - one.began) / 60:.0f} min from {moment(one.began)}: {fired}; {told}"


def _fired(report: Report) -> set[str]:
    return {case.firing.alert for case in report.cases}


def _volume(report: Report) -> Iterator[str]:
    counted = Counter((case.firing.severity or "none", case.firing.alert) for case in report.cases)
    for (severity, alert), count in counted.most_common():
        yield f"- {alert} ({severity}): {count}"


def _noisy(report: Report) -> Iterator[str]:
    counted = Counter(case.firing.alert for case in report.cases)
    short = Counter(
        case.firing.alert
        for case in report.cases
        if case.firing.ended is not None and case.firing.ended - case.firing.began < SHORT_S
    )
    for alert, count in counted.most_common():
        if count >= NOISY or short[alert]:
            yield f"- {alert}: {_times(count)}, {short[alert]} of them over within {SHORT_S / 60:g} minutes"


def _to_tune(report: Report) -> Iterator[str]:
    for case in report.cases:
        if case.right is Right.FALSE or case.actionable is False:
            why = "false" if case.right is Right.FALSE else "nobody had to act"
            yield f"- {case.firing.alert} at {moment(case.firing.began)}: {why}. {case.note}".rstrip()


def _without(report: Report) -> Iterator[str]:
    for case in report.cases:
        if case.right is Right.UNKNOWN or case.actionable is None:
            yield f"- {case.firing.alert} at {moment(case.firing.began)}"


def _escalation(escalation: Escalation, paged: Sequence[Paged]) -> Iterator[str]:
    for severity, promise in escalation.promised.items():
        ours = [one for one in paged if one.severity == severity]
        never = " It CANNOT meet its target." if needed_share(escalation, promise) > 1 else ""
        yield f"- {severity}, {len(ours)} alerts page.{never}"
        yield from (f"    - {line.strip()}" for line in kept(escalation, promise, ours))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _or_none(found: Iterator[str], words: str) -> list[str]:
    return [*found] or [words]
