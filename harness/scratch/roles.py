"""Single roles played on a host one after the other, as role tests do."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devtools.playbook import Run, run_playbook

Play = Callable[..., Run]
"""Plays one role with options of ansible-playbook and changed inputs."""


@dataclass(frozen=True)
class Part:
    """One role in a play, with its own variables; its name marks the events."""

    name: str
    role: str
    variables: Mapping[str, Any]


def play_roles(
    parts: Iterable[Part], *options: str, inventory: Path | str, hosts: str = "all", become: bool = True
) -> Run:
    """Run the roles one after the other; a role that fails does not keep the next from being tried."""
    play = {
        "hosts": hosts,
        "become": become,
        "gather_facts": False,
        "tasks": [_block(part) for part in parts],
    }
    with tempfile.TemporaryDirectory(prefix="mita-play-") as directory:
        path = Path(directory) / "play.yml"
        path.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        return run_playbook(path, *options, inventory=inventory)


def _block(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "vars": {"part": part.name, **part.variables},
        "block": [{"name": "Play the role", "ansible.builtin.include_role": {"name": part.role}}],
        "rescue": [{"name": "Go on", "ansible.builtin.meta": "clear_host_errors"}],
    }
