"""The one error of the rule tools that a person reads."""

from monitoring.errors import CatalogError


class RulesError(CatalogError):
    """A sentence that says what was expected, what was found and what to do; printed without a traceback."""
