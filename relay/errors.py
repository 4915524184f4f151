"""What ends the program, or one look, with a sentence."""


class RelayError(Exception):
    """The message says what was expected and what was found, and has no address in it."""
