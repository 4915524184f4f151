"""Lookup `mita_gate`: wait for the word of whoever started the run, just before the first host is touched."""

import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: mita_gate
short_description: The content of the file that MITA_ROLLBACK_GATE names, once it is there
description:
  - Asks for the file until it exists or the seconds of the only term are over; nothing is the answer then.
  - Without the environment variable there is no gate, and the answer is C(go).
"""

PAUSE_S = 0.02


class LookupModule(LookupBase):  # type: ignore[misc]
    """What Ansible loads."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return the word that was given."""
        path = os.environ.get("MITA_ROLLBACK_GATE", "")
        return [wait_for(Path(path), float(terms[0])) if path else "go"]


def wait_for(path: Path, seconds: float) -> str:
    """Return what the file says, or nothing when it did not appear in time."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() >= deadline:
            return ""
        time.sleep(PAUSE_S)
    return path.read_text().strip()
