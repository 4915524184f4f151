"""Callback `mita_timing`: where the time of a run went, task by task.

Asked for with `ANSIBLE_CALLBACKS_ENABLED=mita_timing`.
"""

import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: mita_timing
type: aggregate
short_description: Seconds per task at the end of the run
description: Names the slowest tasks, and the sum.
"""

SHOWN = 25


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Measures from the start of a task to the last result of any host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mita_timing"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        """Start the clock."""
        super().__init__()
        self.began = self.last = time.monotonic()
        self.spent: dict[str, float] = {}

    def v2_playbook_on_stats(self, _stats: Any) -> None:
        """Show what was measured."""
        for name, seconds in sorted(self.spent.items(), key=lambda item: -item[1])[:SHOWN]:
            self._display.display(f"{seconds:7.2f} s  {name}")
        self._display.display(f"{time.monotonic() - self.began:7.2f} s  in all")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Book the time since the last event on the task that ended."""
        self._book(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Book it for a failed task too."""
        self._book(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Book it for a skipped task too."""
        self._book(result)

    def _book(self, result: Any) -> None:
        now = time.monotonic()
        name = f"{result._host.name}: {result._task.get_name()}"
        self.spent[name] = self.spent.get(name, 0) + now - self.last
        self.last = now
