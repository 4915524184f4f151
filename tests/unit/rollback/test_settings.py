"""Settings: refused with clear words, scaled, documented without a second copy."""

from datetime import timedelta
from pathlib import Path

import pytest

from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import Mode
from rollback.live import changed_but_fixed, load
from rollback.settings import Settings, parse
from rollback.settings_docs import render

REPOSITORY = Path(__file__).resolve().parents[3]
SCALED = {
    "breaker_window",
    "cooldown",
    "deployment_window",
    "good_after",
    "hold_told_after",
    "reconcile_interval",
    "recovery_quiet",
    "retry_after",
    "stale_after",
    "verification_blind_timeout",
    "verification_interval",
    "verification_timeout",
    "veto_lookback",
}


def test_an_empty_file_means_the_production_values() -> None:
    settings = parse("", "settings.yml")

    assert settings == Settings()
    assert settings.deployment_window == timedelta(minutes=30)
    modes = settings.policy().modes
    seed = {"error_rate_threshold", "latency_degradation", "health_check_failure", "database_error"}
    assert {trigger for trigger, mode in modes.items() if mode is Mode.AUTO} == seed
    assert {mode for trigger, mode in modes.items() if trigger not in seed} == {Mode.OFF}


def test_time_scale_divides_what_is_marked_and_nothing_else() -> None:
    normal, scaled = parse("", "x").policy(), parse("time_scale: 15", "x").policy()

    for name, value in vars(normal).items():
        if isinstance(value, timedelta):
            assert vars(scaled)[name] == (value / 15 if name in SCALED else value), name


def test_the_documentation_says_which_durations_are_scaled() -> None:
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, timedelta):
            assert (field.description or "").endswith("Not scaled.") == (name not in SCALED), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cooldwn: 5m", "cooldwn: no such setting; see docs/settings.md"),
        ("cooldown: 5", "cooldown: expected a duration such as 30m"),
        ("triggers: {x: maybe}", "triggers.x: Input should be 'off', 'shadow', 'propose' or 'auto'"),
        ("time_scale: 0", "time_scale: Input should be greater than or equal to 1"),
        ("body_limit: 1000", "body_limit: Input should be greater than or equal to 1200000"),
        ("executor: {kind: command}", "executor.argv must name a program"),
        ("web_tls_cert: a.crt", "web_tls_cert and web_tls_key must be given together"),
        ("environment: ''", "environment: String should have at least 1 character"),
        ("traffic_series: up{}", "traffic_series: String should match pattern"),
        ("prometheus_url: ftp://x", "prometheus_url: String should match pattern"),
        ("- a list", "expected `setting: value` lines, found list"),
        ("{", "expected YAML"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        parse(text, "settings.yml")

    assert words in str(refused.value)
    assert "settings.yml" in str(refused.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        parse("cooldown: 5\nstale_after: soon\nnonsense: 1", "x")

    assert str(refused.value).count("\n") == 3


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/rollback_webhook_secret").write_text("hook\n")
    (tmp_path / "secrets/rollback_admin_secret").write_text("adm\n")
    file = tmp_path / "settings.yml"
    file.write_text("time_scale: 1\n")
    return file


def test_secrets_are_read_beside_the_settings_and_lose_their_line_end(site: Path) -> None:
    live = load(site)

    assert (live.accounts.webhook.password, live.accounts.admin.password) == ("hook", "adm")
    assert live.accounts.web is None


def test_secrets_do_not_show_when_settings_are_printed(site: Path) -> None:
    names = ["slack_webhook_url_file", "prometheus_password_file", "web_auth_password_file"]
    site.write_text(
        "".join(f"{name}: secrets/planted\n" for name in names)
        + "prometheus_username: x\nweb_auth_username: y\n"
    )
    for name in ("planted", "rollback_webhook_secret", "rollback_admin_secret"):
        (site.parent / "secrets" / name).write_text("planted-secret")

    assert "planted-secret" not in repr(load(site))


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_missing_or_empty_secret_is_refused(site: Path, content: str | None) -> None:
    secret = site.parent / "secrets/rollback_admin_secret"
    if content is None:
        secret.unlink()
    else:
        secret.write_text(content)

    with pytest.raises(SettingsInvalid, match="admin_secret_file"):
        load(site)


@pytest.mark.parametrize("file", ["prometheus_ca_file", "alertmanager_ca_file", "probes_ca_file"])
def test_a_named_file_must_exist(site: Path, file: str) -> None:
    site.write_text(f"{file}: missing.pem\n")

    with pytest.raises(SettingsInvalid, match=file):
        load(site)


def test_a_certificate_that_is_none_is_refused(site: Path) -> None:
    site.write_text("web_tls_cert: settings.yml\nweb_tls_key: settings.yml\n")

    with pytest.raises(SettingsInvalid, match="cannot be used"):
        load(site)


@pytest.mark.parametrize(
    ("change", "fixed"),
    [
        ("listen_port: 1", ["listen_port"]),
        ("environment: staging", ["environment"]),
        ("cooldown: 1m", []),
        ("web_tls_cert: a\nweb_tls_key: b", ["web_tls_cert"]),
    ],
)
def test_a_reload_knows_what_it_cannot_change(change: str, fixed: list[str]) -> None:
    assert changed_but_fixed(Settings(), parse(change, "x")) == fixed


def test_the_documentation_is_what_the_settings_say() -> None:
    assert (REPOSITORY / "docs/settings.md").read_text() == render(), (
        "docs/settings.md differs; run: python3 -m rollback.app --docs > docs/settings.md"
    )


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
