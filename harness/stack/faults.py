"""What can be wrong with a release or with the traffic, and how much of the answers it spoils."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class ErrorRate:
    """This share of the requests fails."""

    share: float
    symptom: ClassVar[str] = "http_errors"  # by which its alert is found in the rules

    @property
    def spec(self) -> str:
        """The fault as the release builder knows it."""
        return f"error-ratio={self.share:g}"


@dataclass(frozen=True)
class SlowAnswers:
    """Answers wait this many seconds on average; *share* of them are over the limit."""

    seconds: float
    share: float
    symptom: ClassVar[str] = "http_latency"

    @property
    def spec(self) -> str:
        """The fault as the release builder knows it."""
        return f"added-latency={self.seconds:g}"


Fault = ErrorRate | SlowAnswers
