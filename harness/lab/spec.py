"""What a lab host is as a container: the rights systemd needs to boot in it, and the files it gets first."""

import hashlib
import io
import json
import tarfile
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devtools.paths import REPO
from harness.lab import keys
from harness.lab.hosts import LABEL, OWNER_LABEL, Host

SPEC_LABEL = f"{LABEL}.spec"
_CAP_SYS_RESOURCE = 24
LOOP_DEVICES = ["b 7:* rwm", "c 10:237 rwm"]
"""What a host needs to mount a file as a small disk, which a fault then fills."""

Options = dict[str, Any]


def options(host: Host, image_id: str, network_id: str, *, engine_version: str) -> Options:
    """The arguments of `containers.create`; their digest is a label, so that a changed host is recognised."""
    wanted: Options = {
        "image": image_id,
        "name": host.container,
        "hostname": host.name,
        "ports": {f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in host.ports.items()},
        "tmpfs": {"/run": "exec,mode=755", "/run/lock": "", "/tmp": "exec,mode=1777"},  # noqa: S108
        "stop_signal": "SIGRTMIN+3",
        "device_cgroup_rules": LOOP_DEVICES,
        "cpu_shares": host.cpu_shares,
        **isolation(is_cgroup_v2(), may_raise_limits(), engine_version),
    }
    labels = {LABEL: "host", SPEC_LABEL: _digest(host, wanted, network_id), OWNER_LABEL: str(REPO)}
    return {**wanted, "labels": labels}


def isolation(cgroup_v2: bool, may_raise_limits: bool, engine_version: str) -> Options:
    """What systemd needs of the engine to boot as init.

    `--privileged` asks for every capability and is refused where CAP_SYS_RESOURCE is missing: there all
    others are given. Engines before 23 must be told to leave that one out, later ones refuse to be told.
    cgroup v1 has no tree of its own for a container: the machine's is mounted.
    """
    if may_raise_limits:
        rights: Options = {"privileged": True}
    else:
        rights = {"cap_add": ["ALL"], "security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}
        if int(engine_version.split(".")[0]) < 23:
            rights["cap_drop"] = ["SYS_RESOURCE"]
    if cgroup_v2 and may_raise_limits:
        return {**rights, "cgroupns": "private"}
    return {
        **rights,
        "cgroupns": "host",
        "volumes": {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}},
    }


def is_cgroup_v2() -> bool:
    """Whether this machine has the unified cgroup tree alone."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def may_raise_limits(status: str | None = None) -> bool:
    """Whether CAP_SYS_RESOURCE is in the bounding set that the engine's containers inherit."""
    text = status if status is not None else Path("/proc/self/status").read_text(encoding="ascii")
    bounding = next(line.split()[1] for line in text.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> _CAP_SYS_RESOURCE & 1)


def greeting() -> str:
    """The setting of the SSH server with which a host says whose it is before anybody has logged in.

    The callback `mita_site` of the playbooks reads it, and refuses the lab of another clone.
    """
    return f"VersionAddendum mita-lab={quote(str(REPO))}\n"


def first_files(host: Host) -> bytes:
    """A tar of what a host must have before its first boot: identity, SSH key, whose it is, who may log in.

    The stamp tells Ansible's apt module that the package lists are fresh: they are the image's, on purpose.
    """
    private = keys.host_key(host.name)
    authorized = f"{keys.public(keys.USER_KEY)}\n".encode()
    files = [
        ("etc/machine-id", f"{uuid.uuid4().hex}\n".encode(), 0o444, 0),
        ("etc/ssh/ssh_host_ed25519_key", private.read_bytes(), 0o600, 0),
        ("etc/ssh/ssh_host_ed25519_key.pub", f"{keys.public(private)}\n".encode(), 0o644, 0),
        ("etc/ssh/sshd_config.d/owner.conf", greeting().encode(), 0o644, 0),
        ("home/ops/.ssh/authorized_keys", authorized, 0o600, 1000),
        ("var/lib/apt/periodic/update-success-stamp", b"", 0o644, 0),
    ]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content, mode, owner in files:
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.uid, member.gid = len(content), mode, owner, owner
            member.mtime = int(time.time())
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _digest(host: Host, wanted: Options, network_id: str) -> str:
    facts = [
        wanted,
        greeting(),
        keys.public(keys.USER_KEY),
        keys.public(keys.host_key(host.name)),
        network_id,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
