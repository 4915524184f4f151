"""`python3 -m closing --settings FILE --memory FILE`: one look; systemd's timer runs it again and again.

Where no systemd runs, `--every SECONDS` goes on looking until SIGTERM.
"""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from . import memory as memories
from . import settings
from .alertmanager import Alertmanager, RefusedError
from .crowd import crowds
from .errors import ClosingError
from .look import ended, look
from .memory import Remembered
from .nights import tell

NOTICE, ERROR = "<5>", "<3>"
"""How systemd reads how grave a line is."""


def main(argv: list[str] | None = None) -> int:
    """Look; 1 and a line on standard error where nothing is known or something was not taken."""
    parser = argparse.ArgumentParser(prog="closing", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--memory", type=Path, required=True)
    parser.add_argument("--every", type=float, metavar="SECONDS", help="look again and again")
    parser.add_argument("--check", action="store_true", help="read the settings and stop")
    options = parser.parse_args(argv)
    if options.every and not options.check:
        return _look_on(options)
    return _once(options)


def _look_on(options: argparse.Namespace) -> int:
    """Look until a signal asks to stop. The settings are read each time: what writes them tells nobody."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    _once(options)
    while not ended.wait(options.every):
        _once(options)
    return 0


def _once(options: argparse.Namespace) -> int:
    try:
        chosen = settings.load(options.settings)
        return 0 if options.check else _look(chosen, options.memory)
    except (ClosingError, OSError) as error:
        return _fail(str(error))


def _look(chosen: settings.Settings, path: Path) -> int:
    memory, complaint = memories.load(path)
    alertmanager = Alertmanager(chosen)
    view, now = alertmanager.view(), time.time()
    after, posts = look(memory, view, chosen, now)
    refused = ""
    try:
        if alerts := [*crowds(memory, view, chosen, now), *(ended(one) for one in posts)]:
            alertmanager.post(alerts)
    except RefusedError as error:
        complaint = refused = str(error)  # it has taken the others, and is asked again until its time is over
    memories.save(path, after)
    try:
        tell(
            path.with_name("nights.json"),
            view,
            chosen,
            now,
            known=now - after.known_since >= chosen.patience_s,
        )
    except ClosingError as error:
        complaint = complaint or str(error)
    for one in posts if not refused else ():
        if after.looked in one.rounds.values():
            _say(f"over, and perhaps told as firing: Alertmanager is told so again of {_name(one)}")
    return _fail(complaint) if complaint else 0


def _name(alert: Remembered) -> str:
    """Labels come from anywhere: nothing in them may look like a line of the journal."""
    names = ("alertname", "env", "host", "instance", "service", "subject")
    return ascii({name: alert.labels[name] for name in names if name in alert.labels})


def _say(line: str) -> None:
    print(f"{NOTICE}{line}")  # noqa: T201 - systemd's journal


def _fail(line: str) -> int:
    print(f"{ERROR}closing: {ascii(line)[1:-1]}", file=sys.stderr)  # noqa: T201 - systemd's journal
    return 1


if __name__ == "__main__":
    sys.exit(main())
