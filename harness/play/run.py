"""Run a playbook as a person would, and keep what each task did."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devtools.paths import REPO

HERE = Path(__file__).parent
TIMEOUT_S = 600


@dataclass(frozen=True)
class Event:
    """One result of one task on one host; `part` is the part of the play that it belongs to."""

    host: str
    part: str
    task: str
    status: str
    message: str = ""
    diff: Any = field(default_factory=list)

    @property
    def diffs(self) -> list[Mapping[str, str]]:
        """The diff entries that show something."""
        entries = self.diff if isinstance(self.diff, list) else [self.diff]
        return [entry for entry in entries if entry.get("before") != entry.get("after")]


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook."""

    returncode: int
    output: str
    events: tuple[Event, ...]

    def of(self, part: str) -> tuple[Event, ...]:
        """The events of one part of the play."""
        return tuple(event for event in self.events if event.part == part)

    def changed(self, part: str | None = None) -> list[str]:
        """The tasks that changed something: what an idempotence failure has to name."""
        events = self.events if part is None else self.of(part)
        return [f"{event.host}: {event.task}" for event in events if event.status == "changed"]

    def failure(self, part: str | None = None) -> str:
        """The message of the failed task, or nothing."""
        events = self.events if part is None else self.of(part)
        return "\n".join(event.message for event in events if event.status == "failed")

    def ok(self) -> "Run":
        """This run, or an assertion with its output."""
        assert self.returncode == 0 and not self.failure(), self.failure() or self.output[-6000:]
        return self


def run_playbook(
    playbook: Path | str,
    *options: str,
    inventory: Path | str | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Run:
    """Run *playbook* from the repository's root with the repository's configuration."""
    with tempfile.TemporaryDirectory(prefix="mita-play-") as directory:
        record = Path(directory) / "record"
        record.touch()
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), *options]
        argv += ["--inventory", str(inventory)] if inventory else []
        argv += ["--extra-vars", json.dumps(variables)] if variables else []
        done = subprocess.run(
            argv,
            cwd=REPO,
            env={**os.environ, **_recording(record)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        events = tuple(Event(**json.loads(line)) for line in record.read_text().splitlines())
    return Run(done.returncode, done.stdout, events)


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


def _recording(record: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": f"{HERE / 'callback_plugins'}:{REPO / 'playbooks' / 'callback_plugins'}",
        "ANSIBLE_CALLBACKS_ENABLED": "mita_record",
        "ANSIBLE_NOCOLOR": "1",
        "MITA_RECORD": str(record),
    }
