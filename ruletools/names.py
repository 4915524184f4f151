"""What a person may have meant by a name that no rule has."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: str, names: Iterable[str]) -> str:
    """A question that names up to five close ones, or where they all are."""
    known = {each.lower(): each for each in names}
    found = [each for low, each in known.items() if name.lower() in low] if name else []
    found += [known[low] for low in get_close_matches(name.lower(), known, n=3)]
    if found:
        return f"did you mean {', '.join(dict.fromkeys(found[:5]))}?"
    return "the command `coverage` lists the alerts"
