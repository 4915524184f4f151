"""What a lint finds: where, what, and how to mend it; as text, JSON and notes of a CI service."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """An error fails the lint; a warning is said."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend; the file is named from the repository's root."""

    file: str
    line: int
    what: str
    mend: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level}: {self.what}; {self.mend}"


def as_text(findings: Sequence[Finding]) -> str:
    """One line each."""
    return "\n".join(map(str, findings)) or "nothing found"


def as_json(findings: Sequence[Finding]) -> str:
    """A list of {file, line, what, mend, level}."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which a CI service shows beside the line."""
    return "\n".join(
        f"::{one.level} file={one.file},line={one.line}::{_escaped(f'{one.what}; {one.mend}')}"
        for one in findings
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


FORMATS = {"text": as_text, "json": as_json, "github": as_github}
