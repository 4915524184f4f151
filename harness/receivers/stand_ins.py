"""The services that the bench stands in for, by the names that records and tests have for them."""

from types import ModuleType

from . import pagerduty, slack, webhook
from .heartbeats import DeadMan

HTTP: dict[str, ModuleType] = {"slack": slack, "pagerduty": pagerduty, "webhook": webhook}
"""Each has PATH, the address below the server's, and `answer(raw, place, credentials)`, which is pure."""
PAGER = "pagerduty"
SLACK = "slack"
MAIL = "smtp"
RECEIVERS = (*HTTP, MAIL, DeadMan.NAME)
