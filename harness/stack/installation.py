"""What a test knows of how the lab came about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Installation:
    """When installing began, a unix time, and whether nothing stood before."""

    began: float
    anew: bool
