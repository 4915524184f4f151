"""An archive's address or checksum as this host's architecture needs it. Pure."""

from collections.abc import Mapping
from typing import Any

from .model import ProgramError

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


def for_machine(value: Any, machine: str, what: str) -> str:
    """Return the text for *machine*: the entry of a mapping, and `{arch}` replaced by upstream's name."""
    names = (*NAMES.get(machine, ()), machine)
    if isinstance(value, Mapping):
        found = next((value[name] for name in names if name in value), None)
        if found is None:
            wanted, there = " or ".join(dict.fromkeys(names)), ", ".join(map(str, value)) or "none"
            raise ProgramError(
                f"{what}: expected an entry for this host's architecture, {wanted}, found {there}; "
                "add it, or install this host from its packages"
            )
        value = found
    if not isinstance(value, str):
        raise ProgramError(f"{what}: expected a text, or one by architecture, found {value!r}")
    return value.replace(PLACE, names[0])
