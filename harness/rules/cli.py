"""`harness rules`: hands Ansible, the catalogue of faults and the fetched programs to the rule tools."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtools.playbook import Run, run_playbook
from devtools.tools import tool
from harness.faults.causes import load
from ruletools.house import cli
from ruletools.house.hooks import Hooks


def _play(playbook: Path, options: Sequence[str], inventory: str) -> Run:
    return run_playbook(playbook, *options, inventory=inventory)


HOOKS = Hooks(play=_play, causes=load, program=tool)


def add_commands(subparsers: Any) -> None:
    """`harness rules ...` is known to the command line."""
    cli.add_commands(subparsers, HOOKS)
