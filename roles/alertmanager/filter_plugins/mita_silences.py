"""Filter that turns the silences of a site into what Alertmanager takes."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.catalog import CatalogError, load
from monitoring.silences import DAEMON, Site, read


def silences(
    said: Any, directory: str, *, timezone: str, longest: str, external: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the silences that are to be there; warn of those that are idle, raise for what is refused."""
    given = json.loads(json.dumps(said, default=str))
    if given == []:
        return []  # without reading the rules
    try:
        site = Site(timezone, longest, load(Path(directory) / "rules"), ("env", *external))
        found, over = read(given, site, datetime.now(UTC))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    for sentence in over:
        Display().warning(sentence)
    return found


def daemon_words(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each silence about whose alerts the rollback daemon acts all the same."""
    return sorted({str(one["comment"]) for one in found if DAEMON in one["comment"]})


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_silences": silences, "mita_silenced_triggers": daemon_words}
