"""What the unit tests of overridden alerts found, as text."""

from collections.abc import Sequence

from monitoring.overrides import Overrides
from ruletools.house.overridden import Outcome, Verdict


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
