"""Filter that turns a site's escalation.yml into what PagerDuty is told."""

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from monitoring.errors import CatalogError
from monitoring.escalation import read, steps


def escalation(path: str) -> dict[str, Any]:
    """Return the policy's name and its steps; raises for a file that cannot be applied."""
    try:
        data = read(Path(path).read_text(encoding="utf-8"))
        return {"policy": data.policy, "steps": steps(data)}
    except (CatalogError, OSError, UnicodeDecodeError) as error:
        raise AnsibleFilterError(f"{path}: {error}") from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filter by name."""
        return {"mita_escalation": escalation}
