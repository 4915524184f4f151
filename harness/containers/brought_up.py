"""The stack of monitoring/ in containers, with what it watches and whom it tells, as people bring it up."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import yaml

from application import faults
from devtools.errors import UserError
from devtools.paths import REPO
from devtools.wait import until
from harness.clients import Alertmanager, Application, Daemon, Http, Prometheus, Receivers
from harness.containers import images
from harness.containers.compose import Compose
from monitoring.yaml_text import read_yaml

PROJECT = "mita-scene"
OVERLAY = Path(__file__).with_name("around.yml")
ADDRESS = "127.0.0.77"
"""Of the ports of the stack: those of a lab on the same machine are on 127.0.0.1."""
SCALE = 15
SERVICE, HOST = "mita-backend", "backend"
GOOD, BAD = "1.0.0", "2.0.0"
HEALTHY_S = 60.0
ENV = {
    "SLACK_WEBHOOK_URL": "http://receivers:9080/services/T000/B000/planted-slack",
    "SENDGRID_API_KEY": 'SG.planted$mail#key "x"',
    "PAGERDUTY_CRITICAL_KEY": "0123456789abcdef0123456789abcde1",
    "PAGERDUTY_ERROR_KEY": "0123456789abcdef0123456789abcde2",
    "ROLLBACK_WEBHOOK_SECRET": "planted-webhook-secret",
    "GRAFANA_ADMIN_USER": "admin",
    "GRAFANA_ADMIN_PASSWORD": "planted$grafana-password",
    "DATABASE_URL": "postgresql://mita:planted%40data%3Abase@postgres:5432/mita?sslmode=disable",
    "REDIS_URL": "redis://:planted-${redis}@redis:6379",
    "ROLLBACK_BASE_URL": "http://app:8080",
}
"""What a person puts into .env, with what a shell, a URL or Compose could read as something else."""
SECRETS = ("planted", ENV["PAGERDUTY_CRITICAL_KEY"], ENV["PAGERDUTY_ERROR_KEY"])
"""What must not be seen of them."""
API = "--api=http://app:9999/graphql/v2"
SITE: dict[str, Any] = {
    **dict.fromkeys(("prometheus_time_scale", "alertmanager_time_scale", "rollback_time_scale"), SCALE),
    "alertmanager_mail": {
        "to": "mikhail@mita.finance",
        "from": "alerts@mita.finance",
        "smarthost": "receivers:1025",
        "username": "apikey",
    },
    "alertmanager_overrides": {
        "global": {"pagerduty_url": "http://receivers:9080/v2/enqueue", "smtp_require_tls": False}
    },
    "rollback_settings": {
        "pagerduty_url": "http://receivers:9080/v2/enqueue",
    },
}


@dataclass(frozen=True)
class Scene:
    """What a test asks and does."""

    compose: Compose
    engine: docker.DockerClient
    prometheus: Prometheus
    alertmanager: Alertmanager
    daemon: Daemon
    receivers: Receivers
    application: Application
    platform: Http

    def states(self) -> dict[str, str]:
        """How each container of the stack is."""
        found = self.engine.containers.list(
            all=True, filters={"label": f"com.docker.compose.project={PROJECT}"}
        )
        return {one.name: _state(one) for one in found}


@contextmanager
def scene(place: Path) -> Iterator[Scene]:
    """Everything runs and is healthy for the length of the block."""
    compose = _written(place)
    with images.alone():  # Compose starts anew what has another image
        engine = images.build(compose.config()["services"])
        _refuse_others(engine)
        try:
            yield _up(compose, engine)
        finally:
            compose.ok("down", "--volumes", "--timeout=2")


def _up(compose: Compose, engine: docker.DockerClient) -> Scene:
    try:
        compose.ok("up", "--detach")
    except UserError as error:
        raise UserError(f"{error}\n{compose.ok('logs', 'config')[-3000:]}") from error
    found = _found(compose, engine)
    until(
        "every container to be healthy",
        lambda: _is_well(found.states()),
        deadline_s=HEALTHY_S,
        explain=lambda: str(found.states()),
    )
    return found


def _written(place: Path) -> Compose:
    """The files that a person would write, and what the overlay mounts."""
    (place / "manifests").mkdir()
    for version, specs in {GOOD: (), BAD: ("error-ratio=0.4",)}.items():
        fault = faults.to_manifest([faults.parse(spec) for spec in specs])
        manifest = {"name": SERVICE, "version": version, "fault": fault}
        (place / "manifests" / f"{version}.json").write_text(json.dumps(manifest), encoding="utf-8")
    credentials = {
        "slack": {ENV["SLACK_WEBHOOK_URL"].partition("/services/")[2]: "#mita-alerts"},
        "pagerduty": {ENV["PAGERDUTY_CRITICAL_KEY"]: "critical", ENV["PAGERDUTY_ERROR_KEY"]: "error"},
    }
    mail = {"smtp_username": "apikey", "smtp_password": ENV["SENDGRID_API_KEY"]}
    (place / "receivers.json").write_text(json.dumps({"credentials": credentials, **mail}), encoding="utf-8")
    site = {**SITE, "rollback_settings": {**SITE["rollback_settings"], "executor": railway_executor()}}
    (place / "site.yml").write_text(yaml.safe_dump(site), encoding="utf-8")
    (place / "railway_token").write_text("planted-railway-token\n", encoding="utf-8")
    (place / "railway_token").chmod(0o444)  # on the page it is the daemon's
    own = {
        "MITA_SITE_FILE": str(place / "site.yml"),
        "MITA_BIND": ADDRESS,
        "MITA_REGISTRY": images.REGISTRY,
        "MITA_IMAGE": images.OURS,
        "SCENE": str(place),
    }
    lines = "".join(f"{name}='{value}'\n" for name, value in {**ENV, **own}.items())
    (place / ".env").write_text(lines, encoding="utf-8")
    return Compose(env_file=place / ".env", project=PROJECT, more=(OVERLAY,))


def railway_executor() -> dict[str, Any]:
    """The executor that docs/railway.md has a person write, with the API of the platform of around.yml."""
    page = (REPO / "docs" / "railway.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n# site\.yml\n(.*?)```", page, re.S)
    executor: dict[str, Any] = read_yaml(block)["rollback_settings"]["executor"]
    return executor | {name: [*executor[name], API] for name in ("argv", "rehearsal_argv")}


def _refuse_others(engine: docker.DockerClient) -> None:
    """The names of the containers are those of the requirements: there is one such stack on a machine."""
    mine = f"com.docker.compose.project={PROJECT}"
    ours = {one.id for one in engine.containers.list(all=True, filters={"label": mine})}
    every = engine.containers.list(all=True, filters={"name": "^mita-(prometheus|alertmanager|backend)$"})
    if others := [one.name for one in every if one.id not in ours]:
        raise UserError(
            f"expected no stack of monitoring/ on this machine, found {', '.join(others)}; end it with "
            "`docker compose -f docker-compose.monitoring.yml down`, or leave these tests out"
        )


def _found(compose: Compose, engine: docker.DockerClient) -> Scene:
    def port(container: str, inner: int) -> str:
        inside = engine.containers.get(f"{PROJECT}-{container}")
        return f"http://127.0.0.1:{inside.ports[f'{inner}/tcp'][0]['HostPort']}"

    backend = engine.containers.get("mita-backend")
    secret = backend.exec_run(["cat", "/etc/mita-rollback/secrets/rollback_admin_secret"]).output.decode()
    return Scene(
        compose,
        engine,
        Prometheus(f"http://{ADDRESS}:9090"),
        Alertmanager(f"http://{ADDRESS}:9093"),
        Daemon(f"http://{ADDRESS}:8000", ("admin", secret.strip())),
        Receivers(port("receivers", 9080)),
        Application(port("app", 8080)),
        Http(port("app", 9999)),
    )


def _state(container: Any) -> str:
    state: Mapping[str, Any] = container.attrs["State"]
    return str((state.get("Health") or {}).get("Status") or f"{state['Status']} {state['ExitCode']}")


def _is_well(states: Mapping[str, str]) -> bool:
    return all(state in ("healthy", "running 0", "exited 0") for state in states.values())
