"""Filters for a Prometheus that is an agent; what it may be told stands in monitoring/agent_mode."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring import agent_mode
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

File = dict[str, Any]


def content_for(files: Iterable[File], mode: str) -> list[File]:
    """Return the files as a Prometheus in this *mode* takes them: an agent has no rules."""
    if mode != agent_mode.AGENT:
        return list(files)
    [config] = [file for file in files if file["path"] == "prometheus.yml"]
    try:
        document = agent_mode.reduced(read_yaml(config["content"]))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    note = "# Rendered from the repository's file for an agent, which has neither rules nor alerts.\n"
    return [{**config, "content": note + yaml.safe_dump(document, sort_keys=False, width=120)}]


def problems(hostvars: Any, groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a sentence for each part of a site that an agent would leave without what it needs."""
    return agent_mode.problems(groups, hostvars)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_agent_flags": agent_mode.flags,
            "mita_agent_problems": problems,
            "mita_content_for": content_for,
        }
