"""A port of a pair that stands open while the site closes its like."""

from typing import Any

import pytest

from monitoring.endpoints.half_closed import problems

GROUPS = {"monitoring": ["one", "two"], "rollback": ["one"]}
USERS = [{"name": "watch", "password": "planted"}]
CLOSED: dict[str, Any] = {
    **{f"{name}_web_tls_cert": "PEM" for name in ("prometheus", "alertmanager", "rollback")},
    **{f"{name}_web_users": USERS for name in ("prometheus", "alertmanager")},
}


def told(one: dict[str, Any], two: dict[str, Any], groups: dict[str, list[str]] = GROUPS) -> list[str]:
    return list(problems(groups, {"one": one, "two": two}))


def without(name: str, **said: str) -> dict[str, Any]:
    return {key: value for key, value in CLOSED.items() if key != name} | said


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("prometheus_web_tls_cert", 9090),
        ("alertmanager_web_tls_cert", 9093),
        ("prometheus_web_users", 9090),
        ("alertmanager_web_users", 9093),
    ],
)
def test_one_port_that_lacks_what_its_like_have_is_named(name: str, port: int) -> None:
    (said,) = told(CLOSED, without(name))

    assert said.startswith(f"{name} of two: expected it as ") and f"the port {port} open" in said
    assert "planted" not in said


def test_a_daemon_without_a_certificate_is_named_where_others_have_one() -> None:
    (said,) = told(without("rollback_web_tls_cert"), CLOSED)

    assert said.startswith("rollback_web_tls_cert of one: ") and "the port 8000 open" in said


@pytest.mark.parametrize("one", [CLOSED, {}])
def test_what_is_closed_everywhere_or_nowhere_passes(one: dict[str, Any]) -> None:
    assert told(one, one) == []


def test_a_port_that_the_site_speaks_of_is_meant() -> None:
    said = without("alertmanager_web_tls_cert", alertmanager_listen_address="10.0.0.2:9093")

    assert told(CLOSED, said) == []


def test_agents_have_no_alertmanager() -> None:
    one = {"prometheus_web_users": USERS, "prometheus_mode": "agent"}

    assert told(one, one, {"monitoring": ["one", "two"]}) == []


def test_a_single_host_listens_to_itself() -> None:
    assert told(without("alertmanager_web_tls_cert"), {}, {"monitoring": ["one"], "rollback": ["one"]}) == []
