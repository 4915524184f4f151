"""Whether an alert would be silenced now, as Alertmanager decides it. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Labels = Mapping[str, str]
Matcher = tuple[str, str, str]
"""Label, operator (`=`, `!=`, `=~`, `!~`) and value."""
Sources = Mapping[tuple[str, ...], Collection[bool]]
"""For each set of equal labels, of every source that has it: is it a target of the same rule, too?"""


@dataclass(frozen=True, kw_only=True)
class Inhibition:
    """One rule of Alertmanager's: a firing source silences its targets where these labels are equal."""

    source: Sequence[Matcher]
    target: Sequence[Matcher]
    equal: Sequence[str]

    def sources(self, firing: Iterable[Labels]) -> Sources:
        """Return what of the *firing* alerts silences others, by the labels that must be equal."""
        found: dict[tuple[str, ...], set[bool]] = {}
        for labels in firing:
            if matches(self.source, labels):
                found.setdefault(self._equal(labels), set()).add(matches(self.target, labels))
        return found

    def targets(self, labels: Labels) -> bool:
        """Tell whether it may silence an alert with these labels."""
        return matches(self.target, labels)

    def silences(self, target: Labels, sources: Sources) -> bool:
        """Tell whether one of the *sources* silences *target*; what is both never silences its like."""
        if not matches(self.target, target):
            return False
        alike = sources.get(self._equal(target), ())
        return any(not both for both in alike) or (bool(alike) and not matches(self.source, target))

    def _equal(self, labels: Labels) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self.equal)


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
