#!/usr/bin/python3
"""Ansible module `app_archive`: a release's archive on the controller, checked before any host sees it."""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_app.errors import ReleaseError
from ansible.module_utils.mita_app.source import checked
from ansible.module_utils.urls import open_url

DOCUMENTATION = r"""
module: app_archive
short_description: A release's archive, fetched and checked
description:
  - Runs on the controller. Fails unless the archive is the pinned file and its manifest names this release.
options:
  source: {type: str, required: true, description: "URL or path of the archive."}
  checksum: {type: str, default: "", description: "sha256:<hex>; for a path also read from SOURCE.sha256."}
  name: {type: str, required: true, description: "Name that the manifest must have."}
  version: {type: str, required: true, description: "Version that the manifest must have."}
  cache: {type: path, required: true, description: "Where archives from URLs are kept, by checksum."}
  rollback_safe:
    type: str
    choices: ["", "yes", "no"]
    default: ""
    description: What counts where the manifest does not say it.
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "required": True},
    "checksum": {"type": "str", "default": ""},
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "cache": {"type": "path", "required": True},
    "rollback_safe": {"type": "str", "choices": ["", "yes", "no"], "default": ""},
}


def read(url: str) -> bytes:
    """Return what a URL gives."""
    content: bytes = open_url(url, timeout=60).read()
    return content


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    said = wanted["rollback_safe"]
    try:
        path, checksum, manifest = checked(
            wanted["source"],
            wanted["checksum"],
            name=wanted["name"],
            version=wanted["version"],
            cache=Path(wanted["cache"]),
            read=read,
            assumed={"rollback_safe": said == "yes"} if said else None,
        )
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, path=str(path), checksum=checksum, manifest=manifest)


if __name__ == "__main__":
    main()
