"""Lines for systemd's journal. Nothing in them may look like another line, and none has an address in it."""

import sys
from contextlib import suppress

NOTICE, ERROR = "<5>", "<3>"
"""How systemd reads how grave a line is."""


def notice(line: str) -> None:
    """Say what somebody may want to know."""
    _say(NOTICE, line)


def error(line: str) -> None:
    """Say what somebody must do something about, unless it passes."""
    _say(ERROR, line)


def _say(grave: str, line: str) -> None:
    with suppress(OSError):  # a journal that is away ends nobody who sends
        print(f"{grave}relay: {ascii(line)[1:-1]}", file=sys.stderr, flush=True)  # noqa: T201 - systemd's journal
