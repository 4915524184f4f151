"""A dead-man switch: it takes heartbeats, and says when one of them stopped and when it came back."""

from collections.abc import Mapping
from dataclasses import dataclass

from .received import Answer, Store

PATH = "/ping/{place}"
SILENT, BACK = "silent", "back"


@dataclass
class Heart:
    """One that beats here: how long it may be silent, and what was heard of it."""

    patience_s: float
    beats: int = 0
    last: float = 0.0
    alarmed: bool = False

    def as_json(self, now: float) -> dict[str, object]:
        """Return it as the control API shows it; a heart that never beat is not watched yet."""
        state = "new" if not self.beats else SILENT if self.alarmed else "beating"
        return {
            "state": state,
            "beats": self.beats,
            "silent_s": round(now - self.last, 3) if self.beats else None,
        }


class DeadMan:
    """Beats are counted; only what a person would be told, silence and its end, is recorded."""

    NAME = "dead-man"

    def __init__(self, patience_s: Mapping[str, float], store: Store) -> None:
        self._hearts = {place: Heart(seconds) for place, seconds in patience_s.items()}
        self._store = store

    def beat(self, place: str, now: float) -> Answer:
        """Take one heartbeat."""
        heart = self._hearts.get(place)
        if heart is None:
            return Answer(status=404, body="not found", problems=(f"no heart is called {place}",))
        self.look(now)
        if heart.alarmed:
            self._tell(place, BACK, now - heart.last)
        heart.beats, heart.last, heart.alarmed = heart.beats + 1, now, False
        return Answer(status=200, body="OK")

    def look(self, now: float) -> None:
        """Alarm, once, for each heart that has been silent for too long."""
        for place, heart in self._hearts.items():
            if heart.beats and not heart.alarmed and now - heart.last > heart.patience_s:
                heart.alarmed = True
                self._tell(place, SILENT, now - heart.last)

    def _tell(self, place: str, event: str, seconds: float) -> None:
        answer = Answer(status=200, body="", facts={"channel": place, "event": event})
        self._store.add(self.NAME, answer, {"silent_s": round(seconds, 3)}, {})

    def as_json(self, now: float) -> dict[str, object]:
        """Return every heart by its place."""
        return {place: heart.as_json(now) for place, heart in self._hearts.items()}
