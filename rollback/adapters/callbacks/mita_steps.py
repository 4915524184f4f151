"""Ansible callback: one JSON line per host and step, so that a rollback can be watched while it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: mita_steps
type: notification
short_description: Append one JSON object per host step to the file named by MITA_ROLLBACK_EVENTS
description:
  - Does nothing without the environment variable.
  - Every result of a task is a step with the task's name. Tasks that stand for more than themselves say so
    with the variable C(mita_step), the name of a step with a status for each of C(started), C(ok), C(failed)
    and C(unreachable) that is worth telling; C(host) tells it of something else than the task's host.
  - Steps that only the playbook can know are in a result, or in a fact, called C(mita_steps).
"""

PLUMBING = (
    "include_role",
    "include_tasks",
    "import_tasks",
    "set_fact",
    "group_by",
    "validate_argument_spec",
    "meta",
)
"""Actions that do nothing to a host; nobody wants to read about them."""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes what the tasks of the playbook mean; which these are is said in the playbook."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mita_steps"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("MITA_ROLLBACK_EVENTS", "")
        self._path = Path(path) if path else None
        self.disabled = self._path is None

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host begins a task."""
        self._say_meaning(host.get_name(), task, "started", "")

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well."""
        status = "changed" if result.result.get("changed") else "ok"
        if status != "ok" or result.task.action.rpartition(".")[2] not in PLUMBING:
            self._say_task(result, status, "")
        self._say_reported(result)
        self._say_meaning(result.host.get_name(), result.task, "ok", "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed. What that means for the host, and whether anything, the playbook says."""
        detail = words(result)
        self._say_task(result, "ignored" if ignore_errors else "failed", detail)
        self._say_reported(result)
        self._say_meaning(result.host.get_name(), result.task, "failed", detail)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The host does not answer."""
        detail = words(result)
        self._say_task(result, "unreachable", detail)
        self._say_meaning(result.host.get_name(), result.task, "unreachable", detail)

    def _say_task(self, result: Any, status: str, detail: str) -> None:
        self._say(result.host.get_name(), result.task.get_name(), status, detail)

    def _say_meaning(self, host: str, task: Any, moment: str, detail: str) -> None:
        meaning = (task.vars or {}).get("mita_step") or {}
        if moment in meaning:
            self._say(meaning.get("host", host), meaning["step"], meaning[moment], detail)

    def _say_reported(self, result: Any) -> None:
        facts = result.result.get("ansible_facts") or {}
        reported = result.result.get("mita_steps") or facts.get("mita_steps") or ()
        for step in reported:
            if isinstance(step, Mapping):
                host = str(step.get("host", result.host.get_name()))
                self._say(host, str(step["step"]), str(step["status"]), str(step.get("detail", "")))

    def _say(self, host: str, step: str, status: str, detail: str = "") -> None:
        assert self._path is not None
        line = json.dumps({"host": host, "step": step, "status": status, "detail": detail[:500]})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def words(result: Any) -> str:
    """Return why a task did not succeed, without the words that Ansible puts before every reason."""
    text = str(result.result.get("msg", ""))
    for prefix in ("Task failed: ", "Action failed: "):
        text = text.removeprefix(prefix)
    return text
