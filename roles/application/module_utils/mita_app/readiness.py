"""What a service says about itself, and whether one release is no less ready than another. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer of the readiness address; without a version nothing that makes sense came."""

    version: str | None = None
    ready: bool = False
    components: Mapping[str, bool] = field(default_factory=dict)  # name -> whether it works
    words: str = ""

    @property
    def broken(self) -> list[str]:
        """The components that do not work."""
        return sorted(name for name, works in self.components.items() if not works)


@dataclass(frozen=True)
class Demand:
    """What a release must show before its host counts as served: `everything`, or no less than was there.

    What did not work before is not demanded of the next release, nor is what nobody could say.
    """

    everything: bool = True
    components: frozenset[str] = frozenset()
    status: bool = False  # the release before was ready and named no components: so must the next be

    def met_by(self, answer: Answer) -> bool:
        """Whether this answer is no less than what is demanded."""
        if answer.ready:
            return True
        if self.everything or self.status:
            return False
        if self.components and not answer.components:
            return False
        return not self.components.intersection(answer.broken)


def parse(status: int, body: Any) -> Answer:
    """Return the answer in a response: 200 says ready, 503 not; components count as working above 0."""
    if not isinstance(body, dict) or status not in (200, 503):
        return Answer(words=f"{status} {str(body)[:300]}")
    found = body.get("components")
    components = {
        str(name): isinstance(entry, dict) and _number(entry.get("health")) > 0
        for name, entry in (found.items() if isinstance(found, dict) else ())
    }
    version = str(body["version"]) if body.get("version") else None
    words = f"{'ready' if status == 200 else 'not ready'} with version {version}"
    answer = Answer(version, status == 200, components, words)
    broken = f"; {', '.join(answer.broken)} do not work" if answer.broken else ""
    return Answer(version, status == 200, components, words + broken)


def no_less_than(before: Answer) -> Demand:
    """Return what is demanded of the release that follows the one that gave this answer."""
    working = frozenset(name for name, works in before.components.items() if works)
    return Demand(False, working, status=before.ready and not before.components)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
