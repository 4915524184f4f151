"""Ansible callback: one JSON line per host and task, so that a rollback can be watched while it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: mita_steps
type: notification
short_description: Append one JSON object per host step to the file named by MITA_ROLLBACK_EVENTS
description:
  - Does nothing without the environment variable.
  - The step C(host) stands for the host as a whole and is C(started), C(done) or C(failed).
"""

PLUMBING = ("include_role", "include_tasks", "import_tasks", "set_fact", "validate_argument_spec", "meta")
"""Actions that do nothing to a host; nobody wants to read about them."""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Follows the hosts of the last play, batch by batch: what comes before it only looks around."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mita_steps"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("MITA_ROLLBACK_EVENTS", "")
        self._path = Path(path) if path else None
        self._running: set[str] = set()
        self._failed: set[str] = set()
        self._plays: list[str] = []
        self._last_play = True
        self.disabled = self._path is None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """The playbook says which plays it has."""
        self._plays = [play.get_name() for play in playbook.get_plays()]

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A new play or serial batch begins: the hosts of the one before are done."""
        self._end_batch()
        self._last_play = play.get_name() == self._plays[-1]

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The playbook has ended."""
        self._end_batch()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host begins a task; with its first one the host as a whole has started."""
        name = host.get_name()
        if self._last_play and name not in self._running | self._failed and name != "localhost":
            self._running.add(name)
            self._say(name, "host", "started")

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well."""
        status = "changed" if result.result.get("changed") else "ok"
        self._say_task(result, status, "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed; unless that is allowed or rescued, so has the host."""
        detail = str(result.result.get("msg", ""))
        self._say_task(result, "ignored" if ignore_errors else "failed", detail)
        if not ignore_errors:
            self._fail_host(result.host.get_name(), detail)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The host does not answer."""
        detail = str(result.result.get("msg", ""))
        self._say_task(result, "unreachable", detail)
        self._fail_host(result.host.get_name(), detail)

    def _end_batch(self) -> None:
        for name in sorted(self._running):
            self._say(name, "host", "done")
        self._running.clear()

    def _fail_host(self, name: str, detail: str) -> None:
        self._running.discard(name)
        if name not in self._failed:
            self._failed.add(name)
            self._say(name, "host", "failed", detail)

    def _say_task(self, result: Any, status: str, detail: str) -> None:
        if status != "ok" or result.task.action.rpartition(".")[2] not in PLUMBING:
            self._say(result.host.get_name(), result.task.get_name(), status, detail)

    def _say(self, host: str, step: str, status: str, detail: str = "") -> None:
        assert self._path is not None
        line = json.dumps({"host": host, "step": step, "status": status, "detail": detail[:500]})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
