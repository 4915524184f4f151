"""What an end-to-end test says: deploy, load, until this, until that. Every deadline comes from the rules."""

from harness.stack.faults import ErrorRate, SlowAnswers
from harness.stack.stack import Stack

__all__ = ["ErrorRate", "SlowAnswers", "Stack"]
