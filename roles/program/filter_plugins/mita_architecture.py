"""Filter `mita_for_architecture`: an archive's address or checksum as one host needs it. Pure."""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

PLACE = "{arch}"
NAMES = {
    "x86_64": ("amd64",),
    "aarch64": ("arm64",),
    "armv7l": ("armv7", "armhf"),
    "armv6l": ("armv6", "armel"),
    "i686": ("386", "i386"),
    "ppc64le": ("ppc64le", "ppc64el"),
}
"""What upstream and Debian call a machine, upstream's name first; by the name that its kernel has for it."""


def needs_architecture(value: Any) -> bool:
    """Whether *value* differs from one kind of machine to another."""
    return isinstance(value, Mapping) or (isinstance(value, str) and PLACE in value)


def for_architecture(value: Any, machine: str, what: str, host: str) -> str:
    """Return the text for *machine*: the entry of a mapping, and `{arch}` replaced by upstream's name."""
    names = (*NAMES.get(machine, ()), machine)
    if isinstance(value, Mapping):
        found = next((value[name] for name in names if name in value), None)
        if found is None:
            wanted, there = " or ".join(dict.fromkeys(names)), ", ".join(map(str, value)) or "none"
            raise AnsibleFilterError(
                f"{what} on {host}: expected an entry for its architecture, {wanted}, found {there}; "
                "add it, or install that host from its packages"
            )
        value = found
    if not isinstance(value, str):
        raise AnsibleFilterError(
            f"{what} on {host}: expected a text, or one by architecture, found {value!r}"
        )
    return value.replace(PLACE, names[0])


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_for_architecture": for_architecture,
            "mita_needs_architecture": needs_architecture,
        }
