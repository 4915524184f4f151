"""What is wrong with a file that was given: it is told, and the rest is judged without it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One sentence about one file: what was expected, what was found, what to do."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"
