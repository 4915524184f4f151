"""What ends a look without a result."""


class ClosingError(Exception):
    """Nothing is known, and nothing was decided; the message says what was expected and what was found."""
