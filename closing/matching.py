"""Whether an alert would be silenced now, as Alertmanager decides it. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Labels = Mapping[str, str]
Matcher = tuple[str, str, str]
"""Label, operator (`=`, `!=`, `=~`, `!~`) and value."""


@dataclass(frozen=True, kw_only=True)
class Inhibition:
    """One rule of Alertmanager's: a firing source silences its targets where these labels are equal."""

    source: Sequence[Matcher]
    target: Sequence[Matcher]
    equal: Sequence[str]

    def silences(self, target: Labels, others: Iterable[Labels]) -> bool:
        """Tell whether one of the firing *others* silences *target*; what is both never silences its like."""
        if not matches(self.target, target):
            return False
        both = matches(self.source, target)
        return any(
            matches(self.source, other)
            and all(other.get(name, "") == target.get(name, "") for name in self.equal)
            and not (both and matches(self.target, other))
            for other in others
        )


def matches(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Tell whether all of them hold; a missing label is an empty one."""
    return all(_holds(matcher, labels) for matcher in matchers)


def _holds(matcher: Matcher, labels: Labels) -> bool:
    name, operator, wanted = matcher
    value = labels.get(name, "")
    if "~" not in operator:
        return (value == wanted) != operator.startswith("!")
    try:
        return bool(re.fullmatch(wanted, value)) != operator.startswith("!")
    except re.error:  # Go reads it, Python does not: Alertmanager itself drops a message that is silenced
        return False
