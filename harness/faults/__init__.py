"""The faults that make alerts fire: what a bad release does wrong, and a catalogue with the cause of each.

This is the one home of each fault: demo, tests and chaos refer to the faults here. How the application then
misbehaves is in `application/faults`, which is installed on hosts.
"""

from harness.faults.bad_release import FAULTS, ReleaseFault, added_latency, error_ratio

__all__ = ["FAULTS", "ReleaseFault", "added_latency", "error_ratio"]
