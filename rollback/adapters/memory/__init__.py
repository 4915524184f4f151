"""A store that forgets: the same rules as the SQLite one, for tests. One contract suite proves them equal."""

from rollback.adapters.memory.alerts import Alerts
from rollback.adapters.memory.journal import Journal
from rollback.adapters.memory.rollouts import Rollouts


class MemoryStore(Alerts, Rollouts, Journal):
    """Everything in dictionaries."""


__all__ = ["MemoryStore"]
