#!/usr/bin/python3
"""Ansible module `app_release`: the releases of one application on its host."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mita_app import archive, content, history, rehearsal
from ansible.module_utils.mita_app.errors import ReleaseError
from ansible.module_utils.mita_app.layout import Layout, check_version
from ansible.module_utils.mita_app.service import Service
from ansible.module_utils.mita_app.switch import Request, go_live
from ansible.module_utils.mita_app.unpack import present

DOCUMENTATION = r"""
module: app_release
short_description: Releases of one application on its host
description:
  - C(survey) says what is there, C(present) unpacks an archive, C(live) switches, restarts, asks for the
    version, and puts the host back when the answer does not come. C(rehearse) says what would be in the way
    of a switch and makes none.
options:
  state:
    type: str
    choices: [survey, present, live, rehearse]
    required: true
    description: What is wanted.
  root: {type: path, required: true, description: "Directory of the application."}
  name: {type: str, required: true, description: "Name in the manifest and of the unit."}
  version: {type: str, description: "The release; survey says more about this one."}
  archive:
    type: path
    description: "present: the archive on this host, removed afterwards; without it the one kept here."
  launcher: {type: path, description: "present: what starts a release that has a start command."}
  checksum: {type: str, default: "", description: "sha256:<hex> of the archive."}
  by: {type: str, choices: [deploy, rollback], default: deploy, description: "Who asks."}
  url: {type: str, description: "Where the service says that it is ready, and its version."}
  timeout: {type: float, default: 30, description: "live: seconds until it must have said so."}
  kept:
    type: list
    elements: str
    description: "live: the releases that stay after a deployment; without it all do."
"""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["survey", "present", "live", "rehearse"], "required": True},
    "root": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "version": {"type": "str"},
    "archive": {"type": "path"},
    "launcher": {"type": "path"},
    "checksum": {"type": "str", "default": ""},
    "by": {"type": "str", "choices": ["deploy", "rollback"], "default": "deploy"},
    "url": {"type": "str"},
    "timeout": {"type": "float", "default": 30},
    "kept": {"type": "list", "elements": "str"},
}
REQUIRED = [
    ("state", "present", ["version", "checksum"]),
    ("state", "live", ["version", "url"]),
    ("state", "rehearse", ["version"]),
]


def now() -> str:
    """Return the time as the history stores it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def service_of(params: dict[str, Any]) -> Service:
    """Return the service whose releases these are."""
    return Service(f"{params['name']}.service", params["url"], params["timeout"])


def survey(layout: Layout, params: dict[str, Any]) -> dict[str, Any]:
    """Return what is on the host, and of the release that is asked for whether it is whole."""
    if not layout.releases.is_dir():
        raise ReleaseError(
            f"expected {layout.releases} on this host, found nothing; run playbooks/application.yml first"
        )
    entries = history.read(layout.history)
    complete, current = layout.complete(), layout.current_version()
    found = {
        "changed": False,
        "current": current,
        "running": service_of(params).answer().version if params["url"] else None,
        "complete": complete,
        "status": history.status(entries),
        "live_at": history.times(entries),
        "known_good": history.known_good(entries, complete, current),
        "archives": layout.kept_archives(),
        "damage": "",
        "own_archive": "",
    }
    wanted = params["version"]
    if wanted in complete:
        found["damage"] = content.damage(layout, wanted, thorough=False)
    if wanted in found["archives"] and (wanted not in complete or found["damage"]):
        found["own_archive"] = archive.sha256(layout.archive(wanted))
    return found


def make_present(layout: Layout, params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Unpack the archive unless the release is here; an archive that was copied here is gone afterwards."""
    version = check_version(params["version"])
    if check_mode:
        return {"changed": version not in layout.complete()}
    path = Path(params["archive"]) if params["archive"] else layout.archive(version)
    try:
        with layout.locked():
            changed = present(
                layout,
                path,
                checksum=params["checksum"],
                name=params["name"],
                version=version,
                at=now(),
                launcher=Path(params["launcher"]) if params["launcher"] else None,
            )
    finally:
        if params["archive"]:
            path.unlink(missing_ok=True)
    return {"changed": changed}


def make_live(layout: Layout, params: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Switch to the release."""
    wanted = Request(check_version(params["version"]), params["by"], check_mode, params["kept"])
    with layout.locked():
        outcome = go_live(layout, service_of(params), wanted, now)
    moved = outcome.previous != outcome.version
    result: dict[str, Any] = vars(outcome) | {
        "diff": {
            "before": f"{layout.current} -> {outcome.previous}\n" if moved else "",
            "after": f"{layout.current} -> {outcome.version}\n" if moved else "",
        }
    }
    return result


def rehearse(layout: Layout, params: dict[str, Any]) -> dict[str, Any]:
    """Return what would stop a switch, and what is live; the steps are what the rollback daemon reads."""
    found = rehearsal.obstacles(
        layout, check_version(params["version"]), params["checksum"], f"{params['name']}.service"
    )
    live = layout.current_version() or "none"
    return {
        "changed": False,
        "failed": bool(found),
        "msg": "; ".join(found),
        "live": live,
        "mita_steps": [{"step": "live", "status": live}],
    }


def main() -> None:
    """Run the task."""
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=REQUIRED, supports_check_mode=True)
    layout, state = Layout(Path(module.params["root"])), module.params["state"]
    try:
        if state == "survey":
            result = survey(layout, module.params)
        elif state == "present":
            result = make_present(layout, module.params, check_mode=module.check_mode)
        elif state == "rehearse":
            result = rehearse(layout, module.params)
        else:
            result = make_live(layout, module.params, check_mode=module.check_mode)
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"expected to read and write {layout.root}, found: {error}; see its owners and the space left"
        )
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
