"""`python3 -m relay --settings FILE --store FILE`: serve until SIGTERM; with --look, say what is wrong."""

import argparse
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from . import settings
from .errors import RelayError
from .intake import Intake
from .post import TIMEOUT_S, post
from .saying import error
from .sender import Sender
from .state import asked, complaints
from .store import Store


def main(argv: list[str] | None = None) -> int:
    """Serve, check or look; 1 and a line on standard error where something is wrong."""
    parser = argparse.ArgumentParser(prog="relay", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--store", type=Path, help="the file with what waits")
    parser.add_argument("--check", action="store_true", help="read the settings and stop")
    parser.add_argument(
        "--look", action="store_true", help="ask the running relay what is not told, and stop"
    )
    options = parser.parse_args(argv)
    if not (options.store or options.check or options.look):
        parser.error("expected --store FILE, or --check or --look")
    try:
        chosen = settings.load(options.settings)
        if options.check:
            return 0
        return _look(chosen) if options.look else _serve(chosen, options.store)
    except (RelayError, OSError) as fault:
        error(str(fault))
        return 1
    except sqlite3.Error as fault:
        error(f"expected to open the queue in {options.store}, found: {fault}")
        return 1


def _look(chosen: settings.Settings) -> int:
    said = complaints(chosen, asked(chosen))
    for line in said:
        error(line)
    return 1 if said else 0


def _serve(chosen: settings.Settings, path: Path) -> int:
    store = Store(path)
    if store.wrong:
        error(f"the queue begins anew, {path} cannot be used and is kept as {path}.kept: {store.wrong}")
        store.note_lost(chosen.addresses)
    if gone := store.strangers(chosen.addresses):
        error(f"{gone} messages waited for addresses that the site has no more; they are set aside")
    senders = {name: Sender(name, chosen, store, post) for name in chosen.addresses}
    intake = Intake(chosen, store, senders)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=intake.shutdown).start())
    for sender in senders.values():
        sender.start()
    try:
        intake.serve_forever(poll_interval=0.2)
    finally:
        intake.server_close()
        for sender in senders.values():
            sender.stop()
        for sender in senders.values():
            sender.join(TIMEOUT_S + 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
