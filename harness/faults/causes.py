"""The catalogue of faults, one per alert, read and checked."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devtools.errors import UserError
from harness.faults.fault import faults
from harness.faults.kinds import Kind
from monitoring.yaml_text import read_yaml

CAUSES = Path(__file__).with_name("causes.yml")
EXPECTED = Path(__file__).with_name("expected.yml")
"""The alerts that fire on a lab without any fault of ours, each with the reason."""


@dataclass(frozen=True)
class Cause:
    """What makes an alert fire in the lab, in one sentence."""

    kind: Kind
    how: str


@cache
def load(path: Path = CAUSES) -> dict[str, Cause]:
    """The cause of each alert by the alert's name; UserError names an entry that is none.

    What a fault of the catalogue proves has its sentence there; of the others only the sentence is written.
    """
    written = {name: _cause(path, name, entry) for name, entry in read_yaml(path.read_text("utf-8")).items()}
    proven = {alert: Cause(fault.kind, fault.does) for fault in faults().values() for alert in fault.proves}
    if twice := sorted(written.keys() & proven.keys()):
        raise UserError(f"{path}: expected no entry for what a fault of the catalogue proves, found {twice}")
    return {**written, **proven}


def _cause(path: Path, name: str, entry: object) -> Cause:
    kinds = [str(kind) for kind in Kind]
    if not isinstance(entry, dict) or len(entry) != 1 or not set(entry) <= set(kinds):
        raise UserError(
            f"{path}: {name}: expected one of {', '.join(kinds)} with a sentence, found {entry!r}"
        )
    [(kind, how)] = entry.items()
    if not isinstance(how, str) or not how.endswith("."):
        raise UserError(
            f"{path}: {name}: expected a sentence that ends with a full stop, found {how!r}; write it"
        )
    return Cause(Kind(kind), how)
