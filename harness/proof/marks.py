"""The rungs that are proven of an alert, and how it stands with each."""

from dataclasses import dataclass
from enum import StrEnum


class Rung(StrEnum):
    """What is proven of an alert, in this order."""

    LINTED = "linted"  # nothing is wrong with its rule, its routes and its page
    TESTED = "tested"  # its unit tests pass and show every case
    MUTATED = "mutated"  # they notice every fault that is put into the rule
    FIRED = "fired"  # by a real fault, in the time that its rule says
    DELIVERED = "delivered"  # to exactly its receivers
    RESOLVED = "resolved"  # when the fault was undone, and its receivers were told so
    DECIDED = "decided"  # by the daemon, where the alert may roll back and no release is to blame
    ROLLED_BACK = "rolled back"  # by the daemon, to the good release, and measured, where a fault is one
    RUNBOOK = "runbook"  # its commands ran while the fault was there, and showed it


PAPER = (Rung.LINTED, Rung.TESTED, Rung.MUTATED)
"""What needs no lab."""


OWN = "rollback"
"""The component of the alerts about what the daemon does."""


class Mark(StrEnum):
    """How it stands with a rung."""

    YES = "yes"
    NO = "no"
    NOT_NOW = "not now"  # all its receivers are muted at this hour, and heard nothing
    NONE = "-"  # there is nothing to prove
    UNASKED = "unasked"  # nobody wanted to know
    OPEN = "open"  # never came that far


FINE = (Mark.YES, Mark.NOT_NOW, Mark.NONE, Mark.UNASKED)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A rung of one alert, and why it stands so."""

    rung: Rung
    mark: Mark
    why: str = ""
