"""The stack: everything installed on the lab, and the verbs that drive it for tests, the demo and chaos.

Deploy, load, stop, until this, until that: only this room acts on the lab's site. Every deadline comes
from the rules.
"""

from harness.stack.stack import Stack

__all__ = ["Stack"]
