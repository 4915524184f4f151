"""The mute hours of the lab, moved so that it is day or night in them, whatever the clock says.

A lab host's clock is the machine's and must not be set. The place that the mute hours are of can be chosen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from devtools.wait import until
from harness.faults import on_host
from harness.faults.fault import Fault
from harness.faults.kinds import Kind
from harness.proof import watching

NAME = "hour-chosen"
NOON, MIDNIGHT = 12, 0
EAST_MOST = 14
"""There is no zone further east of Greenwich than so many hours."""
FILE = "/etc/alertmanager/alertmanager.yml"
AGAIN = "read_again alertmanager"
LOADED_S = 10.0
LASTS_S = 4 * 3600
"""The longest run; so much after noon it is still day, and so much after midnight still night."""


def zone(now: datetime, *, night: bool) -> str:
    """The zone in which it is about midnight now, or about noon; such zones count the hours to the west."""
    east = ((MIDNIGHT if night else NOON) - now.astimezone(UTC).hour) % 24
    if east > EAST_MOST:
        east -= 24
    return f"Etc/GMT{-east:+d}"


@contextmanager
def chosen(*, night: bool = False) -> Iterator[None]:
    """For the block it is day, or night, in the mute hours of the lab."""
    place = zone(datetime.now(UTC), night=night)
    moved = Fault(
        name=NAME,
        kind=Kind.CONFIG,
        does=f"The mute hours are those of {place}.",
        proves=(),
        may=(),
        hosts=("monitor",),
        batch="",
        inject=f"keep {FILE}\nsed -i 's|location: .*|location: {place}|' {FILE}\n{AGAIN}",
        holds=f"grep -q 'location: {place}' {FILE}",
        undo=f"back {FILE}\n{AGAIN}",
        lasts_s=LASTS_S,
        after_s=0,
    )
    on_host.inject(moved)
    try:
        until("Alertmanager to read its mute hours", lambda: _in_force(place), deadline_s=LOADED_S)
        yield
    finally:
        on_host.undo(moved)


def _in_force(place: str) -> bool:
    intervals = watching.configuration()["time_intervals"]
    return any(one.get("location") == place for interval in intervals for one in interval["time_intervals"])
