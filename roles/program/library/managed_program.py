#!/usr/bin/python3
"""Ansible module `managed_program`: the programs and the user of one component."""

import platform
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_program import system
from ansible.module_utils.mita_program.architecture import for_machine
from ansible.module_utils.mita_program.converge import converge
from ansible.module_utils.mita_program.model import ProgramError, parse, untested

DOCUMENTATION = r"""
module: managed_program
short_description: The programs of one component, from the distribution or from a pinned archive, and its user
description:
  - Says whether something must be fetched first (C(missing)); the role fetches it and calls again.
  - Unpacks a fetched archive only if it is the pinned file and its programs run here, then swaps the links.
options:
  name: {type: str, required: true, description: "Component, a key of program_components."}
  method: {type: str, choices: [package, archive], default: package, description: "Where from."}
  version: {type: str, default: "", description: "An archive needs it; a pin for a package."}
  url: {type: raw, default: "", description: "Of the archive, with {arch} or by architecture; returned."}
  checksum: {type: raw, default: "", description: "sha256 of the archive, or one by architecture; returned."}
  archive: {type: path, description: "The fetched archive on this host; removed afterwards."}
  linked: {type: bool, default: true, description: "Whether /usr/local/bin shows the archive's programs."}
  component:
    description: What it is; one value, because an expression is evaluated anew wherever it is used.
    type: dict
    required: true
    suboptions:
      packages: {type: list, elements: str, default: [], description: "The main one first."}
      binaries: {type: dict, default: {}, description: "Upstream's program names to the distribution's."}
      replaces: {type: list, elements: str, default: [], description: "Returned as it is."}
      tested: {type: dict, default: {}, description: "Versions that are tested, by release of Debian."}
      python: {type: str, default: "", description: "The least version of Python that it needs here."}
      user: {type: str, description: "System user to create."}
      home: {type: str, default: /nonexistent, description: "Its home, which is not created."}
      tree: {type: str, default: "", description: "Unpack all of it; the directory with the programs."}
"""

COMPONENT: dict[str, dict[str, Any]] = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "binaries": {"type": "dict", "default": {}},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "tested": {"type": "dict", "default": {}},
    "python": {"type": "str", "default": ""},
    "user": {"type": "str"},
    "home": {"type": "str", "default": "/nonexistent"},
    "tree": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "method": {"type": "str", "choices": ["package", "archive"], "default": "package"},
    "version": {"type": "str", "default": ""},
    "url": {"type": "raw", "default": ""},
    "checksum": {"type": "raw", "default": ""},
    "archive": {"type": "path"},
    "linked": {"type": "bool", "default": True},
    "component": {"type": "dict", "required": True, "options": COMPONENT},
}


def for_this_machine(params: dict[str, Any]) -> None:
    """Choose the archive of this host's architecture; of no interest where it comes from packages."""
    for part in ("url", "checksum"):
        what = f"archive_{part} of {params['name']}"
        archive = params["method"] == "archive"
        params[part] = for_machine(params[part], platform.machine(), what) if archive else ""


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = {**module.params, **module.params["component"]}
    fetched = Path(params["archive"]) if params["archive"] else None
    name, here = params["name"], system.found()
    try:
        system.require_python(params["python"], name, here)
        for_this_machine(params)
        outcome = converge(parse(params), fetched, check_mode=module.check_mode)
    except ProgramError as error:
        module.fail_json(msg=str(error))
    finally:
        if fetched and not module.check_mode:
            fetched.unlink(missing_ok=True)
    told = untested(name, outcome.version, params["tested"], here.codename, here.name)
    if told:
        module.warn(told)
    module.exit_json(
        changed=bool(outcome.did) and (module.check_mode or not outcome.missing),
        paths=outcome.paths,
        version=outcome.version,
        token=outcome.token,
        missing=outcome.missing,
        url=params["url"],
        checksum=params["checksum"],
        replaces=params["replaces"],
        diff={"before": "", "after": "".join(f"{step}\n" for step in outcome.did)},
    )


if __name__ == "__main__":
    main()
