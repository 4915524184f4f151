"""What a person sees while the demo works: one line for each thing that happens, none of them late."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

HEARTBEAT_S = 3.0
PLAIN_WIDTH = 120  # of a log file


class Screen:
    """Prints to the terminal with the time since the start, and keeps a plain copy."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(
            highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PLAIN_WIDTH
        )
        self.started = time.monotonic()
        self._lines: list[str] = []
        self._beat = self.started

    def elapsed(self) -> float:
        """Return seconds since the start."""
        return time.monotonic() - self.started

    def say(self, text: str, style: str = "") -> None:
        """Print a line of the demo itself."""
        self.plain(f"[{self.elapsed():6.1f} s] {text}", style)

    def plain(self, text: str, style: str = "") -> None:
        """Print a line as it is."""
        self._beat = time.monotonic()
        self._lines.append(text)
        self.console.print(escape(text), style=style or None)

    def show(self, table: Table) -> None:
        """Print a table, and keep it as text."""
        with self.console.capture() as capture:
            self.console.print(table)
        self.console.print(table)
        self._lines.append(Text.from_ansi(capture.get()).plain)

    def beat(self, text: str) -> None:
        """Print *text* dimly if nothing was printed for some seconds: whoever waits sees for what."""
        if time.monotonic() - self._beat >= HEARTBEAT_S:
            self.say(f"  ... {text}", "dim")

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Print the begin and the length of a phase."""
        self.say(title, "bold")
        begin = time.monotonic()
        yield
        self.say(f"  done in {time.monotonic() - begin:.1f} s", "green")

    def save(self, path: Path) -> None:
        """Write everything that was printed."""
        path.write_text("\n".join(self._lines) + "\n")
