#!/usr/bin/python3
"""Ansible module `prometheus_answers`: whether what a site installed is scraped, and its alerts arrive."""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_service.wait import until
from ansible.module_utils.mita_target.answers import Site, troubles

DOCUMENTATION = r"""
module: prometheus_answers
short_description: Every target is up, and Alertmanager has what Prometheus sends
description:
  - Asks a Prometheus until each expected target is up and each Alertmanager has an alert of it.
  - Fails when the time is over, with a sentence for each that is not. Changes nothing.
  - An agent answers no query, and is asked whether its stores take what it sends instead.
options:
  mode: {type: str, choices: [server, agent], default: server, description: "What the Prometheus is."}
  prometheus: {type: dict, required: true, description: "As C(ready) of managed_service; C(url) is its base."}
  alertmanagers: {type: list, elements: dict, default: [], description: "The same of each Alertmanager."}
  targets: {type: list, elements: dict, default: [], description: "What must be up: C(job) and C(instance)."}
  heartbeat: {type: str, default: "", description: "The alert that always fires, if there is one."}
  timeout: {type: int, default: 60, description: "Seconds."}
"""

ASKED: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "cert_file": {"type": "path"},
    "key_file": {"type": "path"},
    "timeout": {"type": "int"},
}
TARGET: dict[str, Any] = {
    "job": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
    "may_be_off": {"type": "bool", "default": False},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": ["server", "agent"], "default": "server"},
    "prometheus": {"type": "dict", "required": True, "options": ASKED},
    "alertmanagers": {"type": "list", "elements": "dict", "default": [], "options": ASKED},
    "targets": {"type": "list", "elements": "dict", "default": [], "options": TARGET},
    "heartbeat": {"type": "str", "default": ""},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    site = Site(module.params)
    found: list[str] = []

    def well() -> bool:
        found[:] = troubles(site)
        return not found

    if not until(well, seconds=module.params["timeout"], pause=0.5):
        module.fail_json(
            msg=f"expected what this site installed to answer within {module.params['timeout']} s, found:\n"
            + "\n".join(found)
        )
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
