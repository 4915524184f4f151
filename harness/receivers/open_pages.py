"""What PagerDuty has open: triggered and not resolved since. A reset of the records closes nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from .received import Answer

TAKEN = 202


@dataclass(frozen=True, kw_only=True)
class OpenPage:
    urgency: str
    dedup_key: str
    summary: str
    opened: str


class OpenPages:
    """One page for each key of each service, as PagerDuty keeps them; what is refused changes none."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], OpenPage] = {}

    def take(self, answer: Answer, body: object) -> None:
        """Open or close what an answered event asks for; what is triggered again stays the same page."""
        if answer.status != TAKEN or not isinstance(body, Mapping):
            return
        place = answer.facts["urgency"], answer.facts["dedup_key"]
        if answer.facts["event_action"] == "resolve":
            self._open.pop(place, None)
        elif answer.facts["event_action"] == "trigger" and place not in self._open:
            self._open[place] = OpenPage(
                urgency=place[0],
                dedup_key=place[1],
                summary=str(body["payload"]["summary"]),
                opened=datetime.now(UTC).isoformat(),
            )

    def as_json(self) -> list[dict[str, str]]:
        """Return the open pages as the control API shows them, the oldest first."""
        return [asdict(page) for page in self._open.values()]
