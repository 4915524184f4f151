"""What a site installs on a host is known before its roles run, so that apt runs once."""

from typing import Any

import pytest

from roles.program.filter_plugins.mita_packages import packages, services

COMPONENTS = {
    "prometheus": {"packages": ["prometheus"]},
    "alertmanager": {"packages": ["prometheus-alertmanager"]},
    "redis": {"packages": ["redis-server"]},
}
GROUPS = {"all": ["m", "d", "other"], "monitoring": ["m"], "redis": ["d"]}
BLACKBOX, NODE, REDIS = (f"prometheus-{name}-exporter" for name in ("blackbox", "node", "redis"))


def needed(host: str, **said: Any) -> list[str]:
    hostvars: dict[str, dict[str, Any]] = {name: {} for name in GROUPS["all"]}
    return packages(host, {**hostvars, host: said}, GROUPS, COMPONENTS)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("m", ["prometheus", "prometheus-alertmanager", BLACKBOX, NODE]),
        ("d", [NODE, REDIS, "redis-server"]),
        ("other", []),
    ],
)
def test_a_host_needs_what_its_services_and_exporters_need(host: str, wanted: list[str]) -> None:
    assert needed(host) == wanted


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"prometheus_install_method": "archive", "prometheus_version": "2.53.3"}, {"prometheus"}),
        ({"prometheus_version": "2.53"}, {"prometheus"}),
        ({"prometheus_mode": "agent"}, {"prometheus-alertmanager"}),
        ({"exporter_install_method": "archive"}, {BLACKBOX, NODE}),
        ({"exporter_instances": {"node": {"version": "1.9"}}}, {NODE}),
        (
            {
                "exporter_install_method": "archive",
                "exporter_instances": {"node": {"install_method": "package"}},
            },
            {BLACKBOX},
        ),
    ],
)
def test_what_a_site_gets_otherwise_is_left_to_its_role(said: dict[str, Any], kept: set[str]) -> None:
    assert set(needed("m")) - set(needed("m", **said)) == kept


def test_an_agent_has_no_alertmanager() -> None:
    assert services("m", {"m": {"prometheus_mode": "agent"}}, GROUPS) == ["prometheus"]
