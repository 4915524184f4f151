"""The one error of the test bench that a person reads."""


class UserError(Exception):
    """A sentence that says what was expected, what was found and what to do; printed without a traceback."""
