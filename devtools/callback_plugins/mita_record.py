"""Callback `mita_record`: what each task did, as JSON lines in the file that MITA_RECORD names."""

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: mita_record
type: aggregate
short_description: Task results for tests
description: One JSON object for each result.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes host, play part, task, what happened and its diff; never the module's arguments."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mita_record"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: Any) -> None:
        """Record a task that went well, changed or not."""
        self._write(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Record a failed task."""
        self._write(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Record a host that did not answer."""
        self._write(result, "failed")

    def _write(self, result: Any, status: str) -> None:
        event = {
            "host": result._host.name,
            "part": result._task.get_vars().get("part", ""),
            "task": result._task.get_name(),
            "status": status,
            "message": result._result.get("msg", ""),
            "diff": result._result.get("diff", []),
        }
        with Path(os.environ["MITA_RECORD"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event, default=str) + "\n")
