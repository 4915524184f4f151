"""An archive is picked by what the host's machine is called, by its kernel, by upstream or by Debian."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from roles.program.filter_plugins.mita_architecture import for_architecture, needs_architecture

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
    assert for_architecture(value, machine, "archive_url of x", "app1") == found


def test_host_whose_architecture_has_no_entry_is_named() -> None:
    words = "^archive_url of x on pi: expected an entry for its architecture, arm64 or aarch64, found amd64"
    with pytest.raises(AnsibleFilterError, match=words):
        for_architecture({"amd64": "one"}, "aarch64", "archive_url of x", "pi")


@pytest.mark.parametrize("value", [["one"], {"amd64": 3}, None])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a text, or one by architecture, found"):
        for_architecture(value, "x86_64", "archive_url of x", "app1")


def test_host_is_asked_only_where_it_matters() -> None:
    assert needs_architecture(PLACED) and needs_architecture({})
    assert not needs_architecture("") and not needs_architecture("/srv/x.tar.gz")
