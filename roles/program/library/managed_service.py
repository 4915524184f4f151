#!/usr/bin/python3
"""Ansible module `managed_service`: one service, its programs and files, checked before they replace any."""

from copy import deepcopy
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_program import install
from ansible.module_utils.mita_program.model import ProgramError
from ansible.module_utils.mita_service.converge import RefusedError, converge
from ansible.module_utils.mita_service.model import RequestError, parse

DOCUMENTATION = r"""
module: managed_service
short_description: A systemd service with its programs and configuration, checked, swapped, applied, ready
description:
  - Looks for the programs first. Where they must be fetched it says so (C(missing)) and does nothing else:
    the action plugin of the same name fetches them and calls again.
  - Stages all files beside copies of those that others own and runs the checks there.
  - Replaces nothing if one fails.
  - Reloads or restarts only what needs it and waits until the service answers. If not, puts everything back.
  - Removes what it once wrote and what is no longer listed. Never touches a file that it did not write.
options:
  name: {type: str, required: true, description: "Unit name without suffix, and the manifest's name."}
  program:
    type: dict
    description: What it runs, as the filter C(mita_program) describes it.
    suboptions:
      name: {type: str, required: true, description: "The component, as program_components knows it or not."}
      method: {type: str, choices: [package, archive], default: package, description: "Where from."}
      version: {type: str, default: "", description: "An archive needs it; a pin for a package."}
      url: {type: raw, default: "", description: "Of the archive, with {arch} or by architecture; returned."}
      checksum: {type: raw, default: "", description: "Its sha256, or one by architecture; returned."}
      archive: {type: path, description: "The fetched archive on this host."}
      linked: {type: bool, default: true, description: "Whether /usr/local/bin shows the archive's programs."}
      packages: {type: list, elements: str, default: [], description: "The main one first."}
      binaries: {type: dict, default: {}, description: "Upstream's program names to the distribution's."}
      replaces: {type: list, elements: str, default: [], description: "More of what replaces names below."}
      tested: {type: dict, default: {}, description: "Versions that are tested, by release of Debian."}
      python: {type: str, default: "", description: "The least version of Python that it needs here."}
      user: {type: str, description: "System user to create."}
      home: {type: str, default: /nonexistent, description: "Its home, which is not created."}
      logins:
        type: list
        elements: dict
        default: []
        description: Users with a key, each C(name), C(home), C(shell), C(groups); their home is not created.
      tree: {type: str, default: "", description: "Unpack all of it; the directory with the programs."}
      paths: {type: dict, default: {}, description: "Where the programs will be, for who writes the unit."}
  program_only: {type: bool, default: false, description: "Leave the service to another task."}
  unit: {type: str, description: "Text of the unit. Without it the unit is another's."}
  config_root: {type: path, description: "The tree that is staged as a whole; relative paths start here."}
  owner: {type: str, default: root, description: "Owner of files that name none."}
  group: {type: str, default: root, description: "Group of files that name none."}
  files:
    type: list
    elements: dict
    default: []
    description: The complete list of files.
    suboptions:
      path: {type: path, required: true, description: "Absolute, or relative to config_root."}
      content: {type: str, required: true, description: "The whole text."}
      secret: {type: bool, default: false, description: "Never shown in diff, result or journal."}
      owner: {type: str, description: "Instead of the module's owner."}
      group: {type: str, description: "Instead of the module's group."}
      mode: {type: str, description: "Octal digits, 0640 unless given."}
      apply:
        type: str
        choices: [none, watched, reload, restart]
        description:
          - What a change of this file needs. C(none) is read at its next use.
          - C(watched) is noticed by the service, and written once a reload that the task also needs is over.
  directories:
    type: list
    elements: dict
    default: []
    description: Directories that must exist.
    suboptions:
      path: {type: path, required: true, description: "Absolute, or relative to config_root."}
      owner: {type: str, description: "Instead of the module's owner."}
      group: {type: str, description: "Instead of the module's group."}
      mode: {type: str, description: "Octal digits, 0750 unless given, 0755 if opened."}
      opened:
        type: bool
        default: false
        description: Let every user read all that is in it, whatever the umask of whoever made it.
  check:
    type: list
    elements: list
    default: []
    description:
      - Programs (argv lists) that judge the staged tree, whose path replaces C({root}).
      - Files that are elsewhere are staged by their whole path in C({outside}).
  command:
    type: list
    elements: str
    default: []
    description: What the unit starts. The program must know all of its flags before anything is replaced.
  apply: {type: str, choices: [none, watched, reload, restart], default: reload, description: "For others."}
  restart_token: {type: str, description: "A new one restarts the service; else the program's."}
  reload_metric: {type: str, description: "Must read 1, with a new time, after a reload."}
  metrics_url: {type: str, description: "Where reload_metric is read, with the credentials of ready."}
  ready:
    type: dict
    description: How the service says that it serves; without it a running process is enough.
    suboptions:
      url: {type: str, description: "Must answer 2xx."}
      port: {type: int, description: "Must accept a connection; used where no url is given."}
      host: {type: str, default: 127.0.0.1, description: "The address of port."}
      timeout: {type: int, default: 30, description: "Seconds."}
      username: {type: str, description: "For Basic authentication at url."}
      password: {type: str, description: "For Basic authentication at url."}
      ca_file: {type: path, description: "PEM on the host: an authority or the certificate."}
      cert_file: {type: path, description: "PEM on the host: the certificate to show if one is asked for."}
      key_file: {type: path, description: "PEM on the host: its key."}
  start_if_exists: {type: path, description: "Enabled, but started only where this path exists."}
  timers:
    type: list
    elements: str
    default: []
    description: Timers (with suffix) that count, from now on if their file changes.
  replaces:
    type: list
    elements: str
    default: []
    description: Units (with suffix) that are stopped and masked, because this service takes their place.
"""

APPLY = {"type": "str", "choices": ["none", "watched", "reload", "restart"]}
PLACE: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str"},
}
OPENED = {**PLACE, "opened": {"type": "bool", "default": False}}
FILE = {
    **PLACE,
    "content": {"type": "str", "required": True, "no_log": False},
    "secret": {"type": "bool", "default": False, "no_log": False},
    "apply": APPLY,
}
READY = {
    "url": {"type": "str"},
    "port": {"type": "int"},
    "host": {"type": "str", "default": "127.0.0.1"},
    "timeout": {"type": "int", "default": 30},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "cert_file": {"type": "path"},
    "key_file": {"type": "path"},
}
LOGIN: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "home": {"type": "str", "required": True},
    "shell": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
}
PROGRAM: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "method": {"type": "str", "choices": ["package", "archive"], "default": "package"},
    "version": {"type": "str", "default": ""},
    "url": {"type": "raw", "default": ""},
    "checksum": {"type": "raw", "default": ""},
    "archive": {"type": "path"},
    "linked": {"type": "bool", "default": True},
    "packages": {"type": "list", "elements": "str", "default": []},
    "binaries": {"type": "dict", "default": {}},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "tested": {"type": "dict", "default": {}},
    "python": {"type": "str", "default": ""},
    "user": {"type": "str"},
    "home": {"type": "str", "default": "/nonexistent"},
    "logins": {"type": "list", "elements": "dict", "default": [], "options": LOGIN},
    "tree": {"type": "str", "default": ""},
    "paths": {"type": "dict", "default": {}},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "program": {"type": "dict", "options": PROGRAM},
    "program_only": {"type": "bool", "default": False},
    "unit": {"type": "str"},
    "config_root": {"type": "path"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "directories": {"type": "list", "elements": "dict", "default": [], "options": OPENED},
    "check": {"type": "list", "elements": "list", "default": []},
    "command": {"type": "list", "elements": "str", "default": []},
    "apply": {**APPLY, "default": "reload"},
    "restart_token": {"type": "str", "no_log": False},
    "reload_metric": {"type": "str"},
    "metrics_url": {"type": "str"},
    "ready": {"type": "dict", "options": READY, "required_one_of": [("url", "port")]},
    "start_if_exists": {"type": "path"},
    "timers": {"type": "list", "elements": "str", "default": []},
    "replaces": {"type": "list", "elements": "str", "default": []},
}


class QuietModule(AnsibleModule):  # type: ignore[misc]
    """A module whose parameters, secrets among them, stay out of the host's journal."""

    def _log_invocation(self) -> None:
        """Write nothing: Ansible would write every parameter that is not declared secret as a whole."""


def main() -> None:
    """Run the task."""
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, check_mode = deepcopy(module.params), module.check_mode
    hide_contents(module)  # first: wherever the task ends, Ansible tells its parameters
    try:
        programs = installed(module, params)
        if params["program_only"]:
            module.exit_json(**programs)
        if programs["missing"]:  # nothing of it could judge anything; outside check mode it came back before
            params["check"] = []
        service = parse(params)
        result = asdict(converge(service, check_mode=check_mode))
    except (RefusedError, RequestError) as error:
        module.fail_json(msg=f"{params['name']}: {error}")
    except ProgramError as error:
        module.fail_json(msg=str(error))
    result["changed"] = result["changed"] or programs["changed"]
    module.exit_json(**{**programs, **result, "diff": programs["diff"] + result["diff"]})


def installed(module: AnsibleModule, params: dict[str, Any]) -> dict[str, Any]:
    """Have the programs; what the service needs to know of them goes into its parameters.

    The task ends here where they must be fetched first.
    """
    program = params["program"]
    if program is None:
        params["restart_token"] = params["restart_token"] or ""
        return {"changed": False, "missing": False, "diff": []}
    outcome, told = install.converge(program, check_mode=module.check_mode)
    if told:
        module.warn(told)
    returned = {
        "changed": bool(outcome.did),
        "missing": outcome.missing,
        "version": outcome.version,
        "diff": [{"before": "", "after": "".join(f"{step}\n" for step in outcome.did)}]
        if outcome.did
        else [],
    }
    if outcome.missing and not module.check_mode:
        module.exit_json(**returned, url=program["url"], checksum=program["checksum"])
    params["replaces"] = [*program["replaces"], *params["replaces"]]
    if params["restart_token"] is None:
        params["restart_token"] = outcome.token
    return returned


def hide_contents(module: AnsibleModule) -> None:
    """Keep secrets out of everything that the module returns, words of other programs included."""
    for entry in module.params["files"]:
        if entry["secret"] and len(entry["content"].strip()) > 3:
            module.no_log_values |= {entry["content"], entry["content"].strip()}
        entry["content"] = f"({len(entry['content'])} characters)"
    if module.params["unit"]:
        module.params["unit"] = f"({len(module.params['unit'])} characters)"


if __name__ == "__main__":
    main()
