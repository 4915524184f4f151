"""What the caller hands to the rule tools here, because they know neither Ansible nor the test bench."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Event(Protocol):
    """One result of one task on one host."""

    @property
    def host(self) -> str: ...
    @property
    def message(self) -> object: ...


class Played(Protocol):
    """One run of a playbook."""

    @property
    def returncode(self) -> int: ...
    @property
    def output(self) -> str: ...
    @property
    def events(self) -> Sequence[Event]: ...
    def failure(self) -> str:
        """The message of the failed task, or nothing."""
        ...


class Cause(Protocol):
    """What makes an alert fire on the test bench, in one sentence."""

    @property
    def kind(self) -> str: ...
    @property
    def how(self) -> str: ...


@dataclass(frozen=True)
class Hooks:
    """How to run a playbook (playbook, options, inventory), the causes by alert, and where programs are."""

    play: Callable[[Path, Sequence[str], str], Played]
    causes: Callable[[], Mapping[str, Cause]]
    program: Callable[[str], Path]
