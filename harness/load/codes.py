"""How `harness load`, and locust with our locustfile, end."""

from enum import IntEnum


class Code(IntEnum):
    """Exit codes; 1 is a failure of the programs themselves, 130 an interruption."""

    VALID = 0
    REFUSED = 2
    VOID = 3
    BROKEN = 4


EXPLAINED = """exit codes:
  0  the run may be believed, and broke no limit
  1  the program failed; locust itself also ends so where a request failed (--exit-code-on-error)
  2  refused: an option, a file or a target is not what it should be; nothing was sent
  3  void, or ended before its time: nothing may be concluded from it
  4  a limit of --fail-above is broken
"""
