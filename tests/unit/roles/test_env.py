"""What monitoring/.env says is judged before anything is written: all at once, and no value is shown."""

import re
from pathlib import Path

import pytest

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from playbooks.filter_plugins.mita_env import env_problems, image_problems
from playbooks.filter_plugins.mita_settings import refusal

EXAMPLE = dict(
    re.findall(r"^([A-Z_]+)=(.*)$", (REPO / "monitoring" / ".env.example").read_text("utf-8"), re.M)
)
DIGEST = "@sha256:" + "0" * 64


def test_the_playbook_judges_before_it_writes() -> None:
    plays = read_yaml((REPO / "playbooks" / "containers.yml").read_text("utf-8"))
    judges = [number for number, play in enumerate(plays) if "mita_env_problems" in str(play)]
    [writer] = [play for play in plays if "container_files" in str(play)]
    daemon = [number for number, task in enumerate(writer["tasks"]) if "mita_settings_refusal" in str(task)]

    assert judges == [0]
    assert daemon == [0]


def test_every_secret_of_the_example_is_refused_as_such() -> None:
    refused = {one.partition(":")[0] for one in env_problems(EXAMPLE) if "found that of .env.example" in one}

    assert set(EXAMPLE) - refused == {"GRAFANA_ADMIN_USER", "REDIS_URL", "ROLLBACK_BASE_URL"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/planted x", "expected no space around it"),
        ("ROLLBACK_WEBHOOK_SECRET", " planted-secret", "expected no space around it"),
        ("ROLLBACK_WEBHOOK_SECRET", "planted", "expected 10 characters or more, found 7"),
        ("SENDGRID_API_KEY", "SG.planted\nx", "expected one line"),
        ("SENDGRID_API_KEY", "SG.planted\udce9", "in UTF-8"),
        ("PAGERDUTY_ERROR_KEY", "", "expected a value, found none"),
        ("PAGERDUTY_CRITICAL_KEY", "planted", "expected 32 letters and digits"),
        ("DATABASE_URL", "mysql://u:planted@host/x", "found one that begins with mysql://"),
        ("DATABASE_URL", "postgresql://u:planted@h1:5432,h2:5432/x", "one host and a port"),
        ("REDIS_URL", "redis://:planted@$(touch):6379", "neither a name in ASCII nor an address"),
        ("ROLLBACK_BASE_URL", "https://api:planted", "expected one host and a port of at most 65535"),
        ("ROLLBACK_BASE_URL", "https://u:planted@api", "found more"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_shown(name: str, value: str, words: str) -> None:
    [problem] = env_problems({name: value, "GRAFANA_ADMIN_USER": "admin"})

    assert problem.startswith(f"{name}: expected")
    assert words in problem
    assert "planted" not in problem


def test_what_a_shell_or_a_url_would_read_as_something_else_may_be_used() -> None:
    odd = {
        "SENDGRID_API_KEY": """SG.a 'b"c$d#e%f\\g{{ x }}""".replace(" ", ""),
        "ROLLBACK_WEBHOOK_SECRET": "пароль: $x #y %z",
        "DATABASE_URL": "postgresql://u:p%40%2F@[fd5e::4]/mita?sslmode=disable",
        "REDIS_URL": "rediss://me:${pw}@cache_1:7000/0",
    }

    assert env_problems(odd) == []


def test_none_is_a_key_of_pagerduty_only_where_the_site_says_that_it_has_no_pager() -> None:
    values = {"PAGERDUTY_CRITICAL_KEY": "none", "PAGERDUTY_ERROR_KEY": "none"}

    assert env_problems(values, {"pagerduty": "one room", "dead_man": "a test"}) == []
    assert [one.partition(":")[0] for one in env_problems(values, {"dead_man": "a test"})] == [*values]


def test_digests_are_asked_for_where_a_site_wants_them() -> None:
    images = {"PROMETHEUS_VERSION": "prom/prometheus:v2.53.3", "GRAFANA_VERSION": f"grafana:10.4.19{DIGEST}"}

    assert image_problems(images, "") == []
    [problem] = image_problems(images, "required")
    assert problem.startswith("PROMETHEUS_VERSION: expected an image with its digest")
    assert image_problems({}, "yes") == ["MITA_DIGESTS: expected required, or nothing, found yes"]


def test_the_daemons_own_code_judges_what_it_would_read(tmp_path: Path) -> None:
    """What it says names the setting and shows no secret."""
    (tmp_path / "secrets").mkdir()
    for name in ("webhook", "admin"):
        (tmp_path / "secrets" / f"rollback_{name}_secret").write_text(f"planted-of-{name}")
    (tmp_path / "settings.yml").write_text("environment: production\n")
    assert refusal(str(tmp_path)) == ""

    (tmp_path / "settings.yml").write_text("time_scale: x\n")
    assert "time_scale: Input should be a valid number" in refusal(str(tmp_path))

    (tmp_path / "settings.yml").write_text("environment: production\n")
    (tmp_path / "secrets" / "rollback_admin_secret").write_text("planted-of-webhook")
    said = refusal(str(tmp_path))
    assert "one door would open the other" in said
    assert "planted" not in said
