"""The stack: everything installed on the lab, and the verbs that drive it for tests, the demo and chaos.

Tests, demo and chaos deploy, load, stop and wait through this room. Every deadline comes from the rules.
"""

from harness.stack.stack import Stack

__all__ = ["Stack"]
