"""An archive is picked by what the host's machine is called, by its kernel, by upstream or by Debian."""

from typing import Any

import pytest

from roles.program.module_utils.mita_program.architecture import for_machine
from roles.program.module_utils.mita_program.model import ProgramError

PLACED = "/srv/x.linux-{arch}.tar.gz"


@pytest.mark.parametrize(
    ("value", "machine", "found"),
    [
        ("/srv/x.tar.gz", "", "/srv/x.tar.gz"),
        (PLACED, "x86_64", "/srv/x.linux-amd64.tar.gz"),
        (PLACED, "aarch64", "/srv/x.linux-arm64.tar.gz"),
        (PLACED, "riscv64", "/srv/x.linux-riscv64.tar.gz"),
        ({"amd64": "one", "arm64": "two"}, "aarch64", "two"),
        ({"x86_64": "one"}, "x86_64", "one"),
        ({"armhf": "one"}, "armv7l", "one"),
        ({"arm64": PLACED}, "aarch64", "/srv/x.linux-arm64.tar.gz"),
    ],
)
def test_text_is_the_one_of_the_hosts_architecture(value: Any, machine: str, found: str) -> None:
    assert for_machine(value, machine, "archive_url of x") == found


def test_host_whose_architecture_has_no_entry_is_named() -> None:
    words = "^archive_url of x: expected an entry for this host's architecture, arm64 or aarch64, found amd64"
    with pytest.raises(ProgramError, match=words):
        for_machine({"amd64": "one"}, "aarch64", "archive_url of x")


@pytest.mark.parametrize("value", [["one"], {"amd64": 3}, None])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(ProgramError, match="expected a text, or one by architecture, found"):
        for_machine(value, "x86_64", "archive_url of x")
