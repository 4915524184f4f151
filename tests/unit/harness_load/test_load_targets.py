"""Load is sent to this machine and the lab, whatever an address looks like."""

from socket import gaierror

import pytest

from harness.load.targets import ForbiddenTargetError, permitted

HOSTS = frozenset({"app1", "app2"})


def resolve_private(_name: str) -> str:
    return "172.19.0.3"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081",
        "http://127.9.9.9",
        "http://localhost:8080",
        "https://[::1]:8443",
        "http://app1:8080",
    ],
)
def test_this_machine_and_lab_hosts_are_permitted(url: str) -> None:
    assert permitted(url + "/", hosts=HOSTS, resolve=resolve_private) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://10.0.0.5:8080",
        "http://0.0.0.0:8080",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1@example.org/",
        "http://app3:8080",
        "http://app1.example.org",
        "ftp://127.0.0.1",
        "127.0.0.1:8081",
        "",
    ],
)
def test_everything_else_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(ForbiddenTargetError, match=r"expected a target .* Use http://127\.0\.0\.1"):
        permitted(url, hosts=HOSTS, resolve=resolve_private)


def test_lab_name_that_leads_outside_is_refused() -> None:
    with pytest.raises(ForbiddenTargetError):
        permitted("http://app1:8080", hosts=HOSTS, resolve=lambda _: "93.184.216.34")


def test_lab_name_that_leads_nowhere_is_refused() -> None:
    def unknown(_name: str) -> str:
        raise gaierror("unknown")

    with pytest.raises(ForbiddenTargetError):
        permitted("http://app1:8080", hosts=HOSTS, resolve=unknown)
