#!/usr/bin/python3
"""Ansible module `app_archive`: a release's archive on the controller, checked before any host sees it."""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_app import archive
from ansible.module_utils.mita_app.errors import ReleaseError
from ansible.module_utils.mita_app.layout import check_version
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
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "required": True},
    "checksum": {"type": "str", "default": ""},
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "cache": {"type": "path", "required": True},
}


def is_url(source: str) -> bool:
    """Whether the source is fetched rather than read."""
    return source.startswith(("http://", "https://"))


def pinned(source: str, checksum: str) -> str:
    """Return the checksum that was given, or the one that lies beside a local archive."""
    if checksum:
        return checksum
    beside = Path(f"{source}.sha256")
    if is_url(source) or not beside.exists():
        where = "app_checksum" if is_url(source) else f"app_checksum, or {beside}"
        raise ReleaseError(
            f"expected the archive's SHA-256 in {where}, found none; "
            "an archive is not deployed without one: give -e app_checksum=sha256:<hex>"
        )
    return beside.read_text().split()[0]


def fetched(source: str, checksum: str, cache: Path) -> Path:
    """Return the path of the archive, downloaded now unless it is in the cache."""
    if not is_url(source):
        return Path(source)
    path = cache / f"{archive.digest(checksum)}.tar.gz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(open_url(source, timeout=60).read())
            Path(scratch).replace(path)
        except Exception as error:
            Path(scratch).unlink(missing_ok=True)
            raise ReleaseError(
                f"expected an archive at {source}, found: {error}; give another app_archive"
            ) from error
    return path


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        version = check_version(params["version"])
        path = Path(params["source"])
        if not is_url(params["source"]) and not path.exists():
            archive.sha256(path)
        checksum = pinned(params["source"], params["checksum"])
        path = fetched(params["source"], checksum, Path(params["cache"]))
        try:
            manifest = archive.check(path, checksum=checksum, name=params["name"], version=version)
        except ReleaseError:
            if is_url(params["source"]):
                path.unlink(missing_ok=True)  # what the URL gave once must not be given again
            raise
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False, path=str(path), checksum=f"sha256:{archive.digest(checksum)}", manifest=manifest
    )


if __name__ == "__main__":
    main()
