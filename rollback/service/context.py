"""What every use case is given."""

from collections.abc import Callable

from rollback.domain.policy import Policy

PolicySource = Callable[[], Policy]
"""The policy of this moment: a reload replaces it between two uses, never within one."""
