"""What a journey is, and which one comes next. Pure; the random source is passed in.

A file for `--journeys` has a list `JOURNEYS` of these; harness/load/journeys.py is one.
"""

import importlib.util
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from devtools.errors import UserError

KEPT = 500


@dataclass(kw_only=True, slots=True)  # one for each request: a frozen one takes three times as long to make
class Call:
    """One HTTP request; *name* is the row it is counted under, without what differs between users."""

    method: str
    path: str
    name: str = ""
    body: object = None  # sent as JSON
    headers: Mapping[str, str] | None = None
    keeps: str = ""  # the field of the answer's JSON object that later journeys may use

    @property
    def row(self) -> str:
        """The row it is counted under."""
        return self.name or self.path


class Known:
    """What answers told, the latest few hundred values of each field: later journeys use real ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._values: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT))

    def add(self, field: str, value: str) -> None:
        """Remember a value."""
        self._values[field].append(value)

    def any(self, field: str) -> str:
        """Return one of them; a journey that needs the field is not chosen before there is one."""
        return self._random.choice(self._values[field])

    def __contains__(self, field: str) -> bool:
        return field in self._values


@dataclass(frozen=True)
class Journey:
    """How often users do what, beside the other journeys."""

    weight: int
    call: Callable[[Random, Known], Call]
    needs: str = ""  # a field that an earlier answer must have told
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.call.__name__.strip("_")


class Mix:
    """Journeys by their weights; what needs an answer waits until there was one."""

    def __init__(self, journeys: Sequence[Journey], random: Random) -> None:
        self.known = Known(random)
        self._random = random
        self._waiting = {journey.needs for journey in journeys if journey.needs}
        self._all = journeys
        self._ready: Sequence[Journey] = ()
        self._weights: Sequence[int] = ()
        self._choose_from()

    def keep(self, field: str, value: str) -> None:
        """Remember what an answer told."""
        self.known.add(field, value)
        if field in self._waiting:
            self._waiting.discard(field)
            self._choose_from()

    def next(self) -> Call:
        """Return the next arrival's request."""
        [journey] = self._random.choices(self._ready, cum_weights=self._weights)
        return journey.call(self._random, self.known)

    def _choose_from(self) -> None:
        self._ready = [journey for journey in self._all if journey.needs not in self._waiting]
        self._weights = list(accumulate(journey.weight for journey in self._ready))


def read_journeys(path: Path) -> Sequence[Journey]:
    """Return the `JOURNEYS` of a Python file; UserError says what is wrong with it."""
    spec = importlib.util.spec_from_file_location(f"journeys_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"expected a Python file with a list JOURNEYS at {path}, found none")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"expected journeys in {path}, found {type(error).__name__}: {error}") from error
    found = list(getattr(module, "JOURNEYS", ()))
    if not found or not all(isinstance(journey, Journey) for journey in found):
        raise UserError(f"expected a list JOURNEYS of harness.load.mix.Journey in {path}, found {found!r}")
    return found


def fitting(journeys: Sequence[Journey], source: str) -> Sequence[Journey]:
    """Return *journeys* if one of them can be the first."""
    if not any(not journey.needs and journey.weight > 0 for journey in journeys):
        raise UserError(
            f"expected a journey of {source} that needs no earlier answer, found "
            f"{', '.join(journey.name for journey in journeys) or 'no journey'}; "
            "nobody could be the first. Do the tags leave enough of them?"
        )
    return journeys
