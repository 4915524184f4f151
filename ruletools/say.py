"""What a command answers, on standard output."""

import sys


def say(text: str) -> None:
    """The text and a line's end, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
