"""The one error of these modules that a person reads."""


class ReleaseError(Exception):
    """What was expected, what was found and what to do. The host is as the message says."""
