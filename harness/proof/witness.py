"""What a run of the proof keeps from one wave to the next: nothing that happens between them goes unseen."""

import time
from collections.abc import Sequence
from dataclasses import replace

from harness.incident.patience import MARGIN_S
from harness.lab import addresses
from harness.proof import watching
from harness.proof.witnessed import Before, Life, Played, Witnessed


class Witness:
    """Who looks at alerts and messages from now on until the run is over."""

    def __init__(self) -> None:
        self.since = time.time()
        """Until when everything was judged."""
        self.told = addresses.receivers().reset()
        """The number of the last message that was judged."""
        self.played: list[Played] = []
        """The faults of the waves that are over."""
        # That something was over shortly before may be told later.
        later_s = 2 * watching.longest(watching.configuration()["route"], "group_interval") + MARGIN_S
        self._lives: Sequence[Life] = watching.lives(addresses.prometheus(), self.since - later_s, self.since)
        self._first = True

    def before(self) -> Before:
        """What came before the wave that begins now."""
        return Before(first=self._first, played=tuple(self.played), lives=tuple(self._lives))

    def nothing_is_left(self) -> None:
        """What a wave could not undo is undone now."""
        now = time.time()
        self.played = [one if one.undone else replace(one, undone=now) for one in self.played]

    def last_message(self) -> int:
        """The number of the last message until now."""
        records = addresses.receivers().requests(after=self.told)
        return max((record["seq"] for record in records), default=self.told)

    def has_seen(self, seen: Witnessed) -> None:
        """A wave is over, and all of it is known."""
        self.since, self._lives, self._first = seen.ended, seen.lives, False
        self.told = max((record["seq"] for record in seen.records), default=self.told)
