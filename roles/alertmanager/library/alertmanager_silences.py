#!/usr/bin/python3
"""Ansible module `alertmanager_silences`: Alertmanager has the silences of the data, and those of people."""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_service.model import Ready
from ansible.module_utils.mita_silences.client import Client, SilencesError
from ansible.module_utils.mita_silences.plan import plan

DOCUMENTATION = r"""
module: alertmanager_silences
short_description: Alertmanager has the silences of the data, and those of people
description:
  - Makes what is missing and ends what left the data. What people made by hand is never touched.
options:
  url: {type: str, required: true, description: "Where Alertmanager answers, as seen from its host."}
  username: {type: str, description: "For its basic authentication."}
  password: {type: str, description: "The user's password."}
  ca_file: {type: path, description: "PEM on the host: an authority or the certificate."}
  silences: {type: list, elements: dict, required: true, description: "What mita_silences returns."}
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "silences": {"type": "list", "elements": "dict", "required": True},
}


def main() -> None:
    """Run the task: what is new is made before what is old ends, so that nothing is loud in between."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    ready = Ready(username=given["username"], password=given["password"], ca_file=given["ca_file"])
    client = Client(given["url"].rstrip("/"), ready)
    refused: list[str] = []
    try:
        planned = plan(given["silences"], client.silences())
        if not module.check_mode:
            for one in planned.made:
                refused += _refusals(client, dict(one))
            for one in planned.ended if not refused else ():
                client.end(one["id"])
    except SilencesError as error:
        module.fail_json(msg=f"alertmanager: {error}")
    if refused:
        module.fail_json(
            msg=f"alertmanager: {'; '.join(refused)}; mend them in alertmanager_silences and run this again: "
            "the others that are new were made, and nothing was ended"
        )
    changed = bool(planned.made or planned.ended)
    module.exit_json(changed=changed, diff={"before": planned.before, "after": planned.after})


def _refusals(client: Client, silence: dict[str, Any]) -> list[str]:
    """Make a silence; one that is refused stops no other."""
    try:
        client.make(silence)
    except SilencesError as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    main()
