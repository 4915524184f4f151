"""monitoring/docker-compose.monitoring.yml: what compose itself makes of it, with upstream's images."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.utils.build import exclude_paths

from devtools.paths import REPO
from harness.containers.compose import FOLDER, Compose
from monitoring.yaml_text import read_yaml

EXAMPLE = FOLDER / ".env.example"
ROLES = REPO.joinpath("roles")
ONE_SHOT = "config"
NAMED = re.compile(r"^([A-Z_]+)=(.*)$", re.M)
NEEDED = dict(NAMED.findall(EXAMPLE.read_text(encoding="utf-8")))
"""The variables of the requirements."""
PLANTED = {name: f"planted-{number}" for number, name in enumerate(NEEDED)}


def variables(role: str) -> dict[str, Any]:
    """What a role knows."""
    found: dict[str, Any] = read_yaml((ROLES / role / "vars" / "main.yml").read_text("utf-8"))
    return found


def dotenv(path: Path, values: Mapping[str, str]) -> Compose:
    path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()), encoding="utf-8")
    return Compose(env_file=path)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As compose understands them, with secrets that can be told apart."""
    path = tmp_path_factory.mktemp("compose") / ".env"
    return dict(dotenv(path, PLANTED).config()["services"])


@pytest.fixture(scope="module")
def lasting(services: dict[str, Any]) -> dict[str, Any]:
    """All but the one that writes the files of the others and ends."""
    return {name: one for name, one in services.items() if name != ONE_SHOT}


def test_example_has_the_variables_of_the_requirements_and_no_other() -> None:
    assert set(NEEDED) == {
        *("SLACK_WEBHOOK_URL", "SENDGRID_API_KEY", "PAGERDUTY_CRITICAL_KEY", "PAGERDUTY_ERROR_KEY"),
        *("ROLLBACK_WEBHOOK_SECRET", "GRAFANA_ADMIN_USER", "GRAFANA_ADMIN_PASSWORD"),
        *("DATABASE_URL", "REDIS_URL", "ROLLBACK_BASE_URL"),
    }


@pytest.mark.parametrize("missing", NEEDED)
def test_missing_variable_is_named_before_anything_starts(missing: str, tmp_path: Path) -> None:
    compose = dotenv(tmp_path / ".env", {**PLANTED, missing: ""})

    done = compose.run("config", "--quiet")

    assert done.returncode != 0
    assert f"{missing} is missing a value: expected" in done.stderr


def test_image_is_upstreams_with_a_version(lasting: dict[str, Any]) -> None:
    images = {str(one["image"]) for one in lasting.values()} - {"mita-monitoring:local"}

    assert all(re.fullmatch(r"docker\.io/[\w./-]+:v?\d+\.\d+\.\d+(-alpine)?", image) for image in images), (
        images
    )


def test_image_may_be_named_by_its_digest(tmp_path: Path) -> None:
    digest = "v2.53.3@sha256:" + "0" * 64
    compose = dotenv(tmp_path / ".env", {**PLANTED, "PROMETHEUS_VERSION": digest})

    assert compose.config()["services"]["prometheus"]["image"] == f"docker.io/prom/prometheus:{digest}"


def test_judge_of_images_is_told_of_each(services: dict[str, Any], lasting: dict[str, Any]) -> None:
    inputs = read_yaml((REPO / "inventories/compose/group_vars/all/main.yml").read_text("utf-8"))
    told = services[ONE_SHOT]["environment"]
    upstream = {str(one["image"]) for one in lasting.values()} - {"mita-monitoring:local"}

    assert {told[name] for name in inputs["compose_images"]} == upstream | {told["PYTHON_IMAGE"]}


def test_no_secret_is_shown_to_who_asks_for_the_configuration(tmp_path: Path) -> None:
    """People paste what `docker compose config` prints."""
    assert "planted-" not in dotenv(tmp_path / ".env", PLANTED).ok("config")


def test_containers_are_closed(services: dict[str, Any]) -> None:
    for name, one in services.items():
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one.get("privileged") is not True, name
        if name != ONE_SHOT:
            assert (one["read_only"], one.get("cap_add")) == (True, None), name


def test_container_that_lasts_says_how_it_is_and_waits_for_its_files(lasting: dict[str, Any]) -> None:
    for name, one in lasting.items():
        assert one["healthcheck"]["test"], name
        assert one["restart"] == "unless-stopped", name
        assert one["depends_on"][ONE_SHOT]["condition"] == "service_completed_successfully", name


def test_no_port_is_open_to_the_world(services: dict[str, Any]) -> None:
    ports = {port["published"]: port["host_ip"] for one in services.values() for port in one.get("ports", ())}

    assert ports == dict.fromkeys(("9090", "9093", "3000", "8000"), "127.0.0.1")


def test_no_secret_is_an_argument_or_in_an_environment(services: dict[str, Any]) -> None:
    shown = [name for name, one in services.items() if "planted-" in yaml.safe_dump(one)]

    assert not shown


def test_secrets_reach_only_the_container_that_writes_files(services: dict[str, Any]) -> None:
    given = {name: {one["source"] for one in found.get("secrets", ())} for name, found in services.items()}

    assert given.pop(ONE_SHOT) == {name.lower() for name in NEEDED}
    assert not any(given.values())


def test_configuration_of_others_cannot_be_changed(lasting: dict[str, Any]) -> None:
    for name, one in lasting.items():
        mounted = {volume["source"]: volume for volume in one.get("volumes", ())}
        configs = {source for source in mounted if source.endswith("-config")}
        assert all(source == f"{name}-config" and mounted[source]["read_only"] for source in configs), name


def test_containers_have_the_names_of_the_requirements(services: dict[str, Any]) -> None:
    names = {one["container_name"] for one in services.values()}

    assert {"mita-alertmanager", "mita-backend"} <= names
    assert all(name.startswith("mita-") for name in names)


def test_flags_are_those_of_the_roles(lasting: dict[str, Any]) -> None:
    """Whatever a role starts its program with, but where it is and listens."""
    for service in ("prometheus", "alertmanager"):
        ours = {flag.partition("=")[0] for flag in lasting[service]["command"]}
        own = variables(service)
        text = yaml.safe_dump(
            [own[f"__{service}_command"], own.get(f"__{service}_modes", {}).get("server", "")]
        )
        assert {f"--{name}" for name in re.findall(r"'--([\w.-]+)=", text)} - ours <= {
            "--cluster.peer",
            "--cluster.advertise-address",
        }


def test_time_of_the_grace_period_is_that_of_the_role(lasting: dict[str, Any]) -> None:
    grace = variables("prometheus")["__prometheus_grace"]

    assert f"--rules.alert.for-grace-period={grace}" in lasting["prometheus"]["command"]


def test_looks_come_as_often_as_on_hosts(lasting: dict[str, Any]) -> None:
    every = shlex.join(lasting["closing"]["command"]).partition("--every=")[2]

    assert f"[{every} /" in variables("alertmanager")["__alertmanager_closing_every_s"]


OWN = (".env", ".env.old", "site.yml", "compose.site.yml", "railway_token", "roll-back")
"""What the pages have people lay beside the files of monitoring/."""


def test_own_values_are_ignored_by_git() -> None:
    ignored = (REPO / ".gitignore").read_text(encoding="utf-8").split("\n")

    assert {f"monitoring/{name}" for name in OWN if name != ".env.old"} | {"monitoring/.env.*"} <= {*ignored}


def test_own_values_are_no_part_of_the_image_that_goes_to_a_registry(tmp_path: Path) -> None:
    kept = {"monitoring/site_files.py", "monitoring/prometheus.yml", "monitoring/rules/http.rules.yml"}
    for name in (*(f"monitoring/{own}" for own in OWN), *kept, "secrets/smtp_password"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    patterns = (REPO / ".dockerignore").read_text(encoding="utf-8").split("\n")

    sent = exclude_paths(str(tmp_path), [one for one in patterns if one and not one.startswith("#")])
    assert {path for path in sent if (tmp_path / path).is_file()} == kept
