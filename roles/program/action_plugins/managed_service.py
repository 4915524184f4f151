"""Action `managed_service`: runs the module of that name, and fetches the programs that it misses."""

import fcntl
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleActionFail
from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

MODULE = "managed_service"
DAY = 86400
PACKAGES_TOO = trust_as_template("program_packages_too | default([])")
"""What a play says that its hosts will need later; looked up only where apt runs anyway."""
Values = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]
    """One run of the module where nothing is to be fetched."""

    _supports_check_mode = True

    def run(self, tmp: None = None, task_vars: Values | None = None) -> Values:
        """Run it, and again once what was missing is there."""
        super().run(tmp, task_vars)
        args: Values = dict(self._task.args)
        try:
            result = self._module(MODULE, args, task_vars)
            if result.get("failed") or not result.get("missing") or self._task.check_mode:
                return result
            program = {**args["program"], "url": result["url"], "checksum": result["checksum"]}
            if program["method"] == "package":
                fetched = self._module("ansible.builtin.apt", self._packages(program), task_vars)
                if fetched.get("failed"):
                    return fetched
            else:
                program["archive"] = self._transferred(program)
            return self._again({**args, "program": program}, task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _module(self, name: str, args: Values, task_vars: Values | None) -> Values:
        found: Values = self._execute_module(module_name=name, module_args=args, task_vars=task_vars)
        return found

    def _again(self, args: Values, task_vars: Values | None) -> Values:
        result = self._module(MODULE, args, task_vars)
        name, version = args["program"]["name"], args["program"]["version"]
        if result.get("missing"):
            raise AnsibleActionFail(
                f"expected {name} {version} to be there after it was installed, found it missing or of "
                "another version; look for a pin or a hold of its packages on the host"
            )
        return {**result, "changed": True} if not result.get("failed") else result

    def _packages(self, program: Mapping[str, Any]) -> Values:
        """Ask apt once for all that a play will need on this host, without starting a service."""
        too = self._templar.evaluate_expression(PACKAGES_TOO)
        first, *more = program["packages"]
        pin = f"={program['version']}*" if program["version"] else ""
        return {
            "name": [f"{first}{pin}", *dict.fromkeys([*more, *(one for one in too if one != first)])],
            "install_recommends": False,
            "policy_rc_d": 101,
            "cache_valid_time": DAY,
            "allow_downgrade": True,
        }

    def _transferred(self, program: Mapping[str, Any]) -> str:
        """Bring the archive to the host; whether it is the pinned one, the module asks there."""
        url = program["url"]
        local = downloaded(url, program["checksum"]) if is_remote(url) else Path(url).expanduser().resolve()
        if not local.is_file():
            raise AnsibleActionFail(f"expected the archive of {program['name']} at {local}, found none there")
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "archive.tar.gz")
        return str(self._transfer_file(str(local), remote))


def is_remote(url: str) -> bool:
    """Say whether the archive is to be downloaded; else it is a file of this machine."""
    return urlsplit(url).scheme in ("http", "https")


def downloaded(url: str, checksum: str, cache: Path | None = None) -> Path:
    """Return the archive in this machine's cache; hosts that need the same one wait for one download."""
    cache = cache or default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{checksum.replace(':', '-')}.tar.gz"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or found(path) != checksum:
            _download(url, checksum, path)
    return path


def default_cache() -> Path:
    """Return where archives are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mita-monitoring" / "archives"


def found(path: Path) -> str:
    """Return the checksum of a file, as it is pinned."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _download(url: str, checksum: str, path: Path) -> None:
    part = path.with_suffix(".part")
    try:
        with open_url(url, timeout=60, follow_redirects="all") as answer, part.open("wb") as target:
            while piece := answer.read(1 << 20):
                target.write(piece)
    except OSError as error:
        raise AnsibleActionFail(f"expected an archive at {url}, found: {error}") from error
    if found(part) != checksum:
        there = found(part)
        part.unlink()
        raise AnsibleActionFail(
            f"expected {url} to be {checksum}, found {there}; it is not the pinned file: do not change the "
            "checksum before you know why"
        )
    part.replace(path)
