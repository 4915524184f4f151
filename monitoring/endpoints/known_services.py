"""What an inventory says of each service that is no exporter, with what holds where it says nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from monitoring.endpoints import address
from monitoring.endpoints.endpoint import Endpoint, Vars
from monitoring.endpoints.pair import Groups, default_host

GROUPS = {
    "prometheus": "monitoring",
    "alertmanager": "monitoring",
    "mita-rollback": "rollback",
    "mita-backend": "application",
    "grafana": "grafana",
}
"""The group of the inventory whose hosts run a service."""
PORTS = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "mita-rollback": 8000,
    "mita-backend": 8080,
    "grafana": 3000,
}


def service(name: str, host: str, variables: Vars, groups: Groups) -> Endpoint:
    """The endpoint of a service of this name on a host with these variables and *groups*."""
    return _KNOWN[name](name, host, variables, groups)


def _web(name: str, host: str, variables: Vars, groups: Groups) -> Endpoint:
    """Prometheus and Alertmanager, whose inputs have the same names."""
    certificate = str(variables.get(f"{name}_web_tls_cert") or "").strip()
    setting = f"{name}_listen_address"
    usual = address.join(default_host(variables, groups, certificate), PORTS[name])
    place = str(variables.get(setting, usual))
    listens, port = address.split(place, setting, PORTS[name])
    return Endpoint(
        service=name,
        host=host,
        listens=listens,
        port=port,
        setting=setting,
        path=_path(name, variables),
        certificate=certificate,
        login=first_login(variables.get(f"{name}_web_users")),
    )


def _grafana(name: str, host: str, variables: Vars, groups: Groups) -> Endpoint:
    """Grafana, which has its metrics beside its path, not below it, and a login for them alone."""
    login = variables.get("grafana_metrics_user")
    address.external(variables.get("grafana_external_url"), "grafana_external_url")
    said = _of(variables, f"{name}_listen_address", f"{name}_web_tls_cert", "internal_address")
    found = _web(name, host, said, groups)
    return replace(found, login=first_login([login]) if login else {})


def _of(variables: Vars, *names: str) -> Vars:
    return {name: variables[name] for name in names if name in variables}


def _path(name: str, variables: Vars) -> str:
    """The path before every other one: that of the external URL, unless a flag says another."""
    setting = f"{name}_external_url"
    external = address.external(variables.get(setting), setting)
    flags = variables.get(f"{name}_extra_flags") or ()
    said = [flag for flag in flags if str(flag).startswith("--web.route-prefix=")]
    path = (str(said[-1]).partition("=")[2] if said else external).strip("/")
    return f"/{path}" if path else ""


def first_login(users: Any) -> dict[str, str]:
    """The credentials of the first web user, with which the site's own programs ask."""
    first = users[0] if isinstance(users, list) and users and isinstance(users[0], Mapping) else {}
    if not {"name", "password"} <= set(first):
        return {}
    return {"username": str(first["name"]), "password": str(first["password"])}


def _daemon(name: str, host: str, variables: Vars, groups: Groups) -> Endpoint:
    certificate = str(variables.get("rollback_web_tls_cert") or "").strip()
    settings = variables.get("rollback_settings")
    settings = settings if isinstance(settings, Mapping) else {}
    listens = str(
        settings.get("listen_address")
        or variables.get("rollback_listen_address")
        or default_host(variables, groups, certificate)
    )
    return Endpoint(
        service=name,
        host=host,
        listens=listens.strip("[]"),
        port=address.port_of(
            settings.get("listen_port") or variables.get("rollback_listen_port", PORTS[name]),
            f"rollback_listen_port of {host}",
        ),
        setting="rollback_listen_address",
        certificate=certificate,
        login=_pair(variables, "rollback_web_auth_username", "rollback_web_auth_password"),
        client=_client(variables),
    )


def _client(variables: Vars) -> dict[str, str]:
    """What the daemon wants to be shown, if it asks for an authority: the certificate of its own host."""
    if not variables.get("rollback_web_tls_client_ca"):
        return {}
    pair = {
        "cert": variables.get("rollback_client_tls_cert"),
        "key": variables.get("rollback_client_tls_key"),
    }
    return {name: str(text) for name, text in pair.items() if text}


def _application(name: str, host: str, variables: Vars, _groups: Groups) -> Endpoint:
    return Endpoint(
        service=name,
        host=host,
        listens=str(variables.get("application_listen_address") or "0.0.0.0").strip("[]"),  # noqa: S104
        port=address.port_of(variables.get("application_port", PORTS[name]), f"application_port of {host}"),
        setting="application_listen_address",
        certificate=str(variables.get("application_web_tls_cert") or "").strip(),
        login=_pair(variables, "application_metrics_user", "application_metrics_password"),
    )


def _pair(variables: Vars, username: str, password: str) -> dict[str, str]:
    if not variables.get(username):
        return {}
    return {"username": str(variables[username]), "password": str(variables.get(password) or "")}


_KNOWN: Mapping[str, Callable[[str, str, Vars, Groups], Endpoint]] = {
    "prometheus": _web,
    "alertmanager": _web,
    "mita-rollback": _daemon,
    "mita-backend": _application,
    "grafana": _grafana,
}


def by_nearness(name: str, groups: Groups, here: str) -> list[str]:
    """The hosts with a service of this name in the order in which *here* asks them: its own first."""
    return sorted(groups.get(GROUPS[name], ()), key=lambda host: host != here)
