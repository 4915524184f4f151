#!/usr/bin/python3
"""Ansible module `managed_removal`: what services left on a host is taken away."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_service.model import RequestError
from ansible.module_utils.mita_service.removal import Leaving, remove
from ansible.module_utils.mita_service.systemd import CommandError

DOCUMENTATION = r"""
module: managed_removal
short_description: Services, their files, folders and users are removed
description:
  - Stops and disables each service whose manifest is on the host, and removes the files that it lists.
  - Removes the paths and the users that the task names besides. What is not there is no error.
options:
  services: {type: list, elements: str, required: true, description: "Names, or patterns such as *-exporter."}
  paths: {type: list, elements: path, default: [], description: "Files and folders that go in any case."}
  data: {type: list, elements: path, default: [], description: "Folders with what the service has collected."}
  users: {type: list, elements: str, default: [], description: "Users that go unless kept data is theirs."}
  keep_data: {type: bool, default: true, description: "Leave the data where it is."}
"""

LIST = {"type": "list", "elements": "str", "default": []}
ARGUMENTS = {
    "services": {"type": "list", "elements": "str", "required": True},
    "paths": LIST,
    "data": LIST,
    "users": LIST,
    "keep_data": {"type": "bool", "default": True},
}


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = {
        name: tuple(found) if isinstance(found, list) else found for name, found in module.params.items()
    }
    try:
        removed = remove(Leaving(**given), check_mode=module.check_mode)
    except (RequestError, CommandError, OSError) as error:
        module.fail_json(msg=f"not all could be removed: {error}; mend that and run it again")
    listed = "".join(f"{name}\n" for name in removed)
    module.exit_json(changed=bool(removed), removed=removed, diff={"before": listed, "after": ""})


if __name__ == "__main__":
    main()
