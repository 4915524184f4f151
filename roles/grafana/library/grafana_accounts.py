#!/usr/bin/python3
"""Ansible module `grafana_accounts`: the passwords and roles of those who may log in."""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_grafana.accounts import Accounts, Person
from ansible.module_utils.mita_grafana.client import Client, GrafanaError

DOCUMENTATION = r"""
module: grafana_accounts
short_description: The administrator and the people of Grafana, with their passwords and roles
description:
  - Asks with the password first, so that what is right is left alone, and mends what a hand has changed.
  - The administrator's password goes to C(grafana cli) on standard input, those of people to the HTTP API.
  - People that this module made and that are no longer listed are removed. Others are never touched.
options:
  url: {type: str, required: true, description: "Where Grafana answers on this host."}
  ca_file: {type: path, description: "PEM on the host: an authority or the certificate."}
  admin: {type: str, required: true, description: "The login of Grafana's first user."}
  password: {type: str, required: true, description: "The administrator's password."}
  reset: {type: list, elements: str, required: true, description: "The command that reads a new one."}
  people:
    type: list
    elements: dict
    default: []
    description: Everybody else.
    suboptions:
      name: {type: str, required: true, description: "Login."}
      password: {type: str, required: true, description: "Clear text, from a vault."}
      role: {type: str, choices: [Viewer, Editor, Admin], default: Viewer, description: "What they may do."}
"""

PERSON = {
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "role": {"type": "str", "choices": ["Viewer", "Editor", "Admin"], "default": "Viewer"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "ca_file": {"type": "path"},
    "admin": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "reset": {"type": "list", "elements": "str", "required": True},
    "people": {"type": "list", "elements": "dict", "default": [], "options": PERSON},
}


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    accounts = Accounts(
        admin=Client(given["url"], given["admin"], given["password"], given["ca_file"]),
        people=[Person(one["name"], one["password"], one["role"]) for one in given["people"]],
        reset=given["reset"],
        check_mode=module.check_mode,
    )
    try:
        did = accounts.converge()
    except GrafanaError as error:
        module.fail_json(msg=f"grafana: {error}")
    module.exit_json(changed=bool(did), diff={"before": "", "after": "".join(f"{one}\n" for one in did)})


if __name__ == "__main__":
    main()
