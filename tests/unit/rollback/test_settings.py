"""Settings: refused with clear words, scaled, documented without a second copy."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollback.checking import problems, unreachable
from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import Mode
from rollback.reloading import changed_but_fixed, load
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
        ("executor.kind: command", "executor.kind: no such setting; write `executor: {kind: ...}`"),
        ("executor: {knd: command}", "executor.knd: no such setting; see docs/settings.md"),
        ("cooldown: 5", "cooldown: expected a duration such as 30m"),
        ("triggers: {x: maybe}", "triggers.x: Input should be 'off', 'shadow', 'propose' or 'auto'"),
        ("time_scale: 0", "time_scale: Input should be greater than or equal to 1"),
        ("body_limit: 1000", "body_limit: Input should be greater than or equal to 1200000"),
        ("executor: {kind: command}", "executor.argv must name a program"),
        ("web_tls_client_ca_file: a.crt", "web_tls_client_ca_file needs web_tls_cert"),
        ("webhook_username: 'a:b'", "webhook_username: String should match pattern"),
        ("status_without_credentials: some", "Input should be 'alive', 'full' or 'none'"),
        ("web_tls_cert: a.crt", "web_tls_cert and web_tls_key must be given together"),
        ("environment: ''", "environment: String should have at least 1 character"),
        ("traffic_series: up{}", "traffic_series: String should match pattern"),
        ("prometheus_other_urls: ['']", "prometheus_other_urls.0: expected a web address such as http"),
        ("prometheus_url: ftp://x", "prometheus_url: expected a web address such as http://127.0.0.1:9090"),
        ("cooldown: 3000000d", "cooldown: expected at most 3660d, found 3000000d"),
        ("cooldown: " + "9" * 5000 + "d", "cooldown: expected a duration such as 30m"),
        ("reconcile_interval: 0s", "reconcile_interval: expected 10ms to 1d, found 0s"),
        ("rehearsal_interval: 2d", "rehearsal_interval: expected 10ms to 1d, found 2d"),
        ("stale_after: 0s", "stale_after: expected 10ms to 3660d, found 0s"),
        ("executor: {timeout: 0s}", "executor.timeout: expected 10ms to 1d, found 0s"),
        (
            "reconcile_interval: 1s\ntime_scale: 1000",
            "reconcile_interval: expected at least 10ms, divided by time_scale, found 1.0 ms",
        ),
        ("time_scale: .nan", "time_scale: Input should be"),
        ("max_attempts: 1:30", "max_attempts: Input should be a valid integer"),
        ("max_attempts: " + "9" * 6000, "expected YAML of plain values"),
        ("max_attempts: 0x" + "F" * 6000, "max_attempts: Input should be a valid integer"),
        ('executor: {kind: command, argv: ["x\\0y"]}', "executor.argv.0: String should match pattern"),
        ("executor: {environment: {A=B: x}}", "executor.environment.A=B.[key]: String should match pattern"),
        ("webhook_hmac_window: 0s", "webhook_hmac_window: expected 1s to 1h, found 0s"),
        ("prometheus_url: 'http://x?q=1'", "prometheus_url: expected a web address that ends with its path"),
        ("prometheus_username: 'a:b'", "prometheus_username: String should match pattern"),
        ("time_scale: .inf", "time_scale: Input should be"),
        (
            "max_attempts: 1000000000",
            "max_attempts: Input should be less than or equal to 100, found 1000000000",
        ),
        (
            "verification_samples: 9",
            "verification_samples: expected at most 7, as verification_timeout",
        ),
        (
            "verification_interval: 10ms\nverification_timeout: 1d",
            "verification_interval: expected 10000 at most in its time-out",
        ),
        ("listen_address: 0.0.0.0:8000", "listen_address: expected an address of this host"),
        ("listen_address: ''", "listen_address: expected an address of this host"),
        ("listen_address: 300.1.1.1", "listen_address: expected an address of this host"),
        ("listen_port: 99999", "listen_port: Input should be less than or equal to 65535, found 99999"),
        ("listen_port: 0", "listen_port: Input should be greater than or equal to 1, found 0"),
        (
            "triggers: {error_rate_treshold: 'off'}",
            "triggers: expected 'error_rate_threshold' or a name unlike it, found 'error_rate_treshold'",
        ),
        (
            "paging_severities: [eror]",
            "paging_severities: expected 'error' or a name unlike it, found 'eror'",
        ),
        ("paging_severities: []", "paging_severities: List should have at least 1 item"),
        ("triggers: {x: on}", "triggers.x: Input should be 'off', 'shadow', 'propose' or 'auto', found 'on'"),
        (
            "triggers: {x: true}",
            "triggers.x: Input should be 'off', 'shadow', 'propose' or 'auto', found True",
        ),
        (
            "cooldown: 1m\ncooldown: 2m",
            "found the key `cooldown` in line 1 and again in line 2: keep one of them",
        ),
        (
            "triggers:\n  x: auto\n  y: auto\n  x: 'off'",
            "found the key `x` in line 2 and again in line 4: keep one of them",
        ),
        ("triggers: {<<: {x: auto}}", "found `<<`"),
        ("triggers: &a {x: *a}", "triggers.x: Input should be"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: !!python/object/apply:os.system [id]", "expected YAML"),
        ("a: 2026-99-99", "expected YAML of plain values"),
        ("a: " + "1" * 5000, "expected YAML of plain values"),
        ("? [1]\n: 2", "expected YAML"),
        ("#" * 1_000_001, "expected at most 1000000 characters"),
        ("- a list", "expected `setting: value` lines, found list"),
        ("{", "expected YAML"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        parse(text, "settings.yml")

    assert words in str(refused.value)
    assert "settings.yml" in str(refused.value)


def test_a_site_has_triggers_and_severities_of_its_own() -> None:
    settings = parse("triggers: {basket_empty: auto}\npaging_severities: [page]", "settings.yml")

    assert settings.triggers["basket_empty"] == "auto"
    assert settings.paging_severities == ["page"]


@pytest.mark.parametrize("url", ["https://mon.example.org/prometheus", "http://[::1]:9090", "http://a_b:1/x"])
def test_a_web_address_is_one(url: str) -> None:
    assert parse(f"prometheus_url: '{url}'", "x").prometheus_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://", "http:///metrics", "http://:9090", "http://host:99999", "http://host:0", "http://host:x",
        "http://a b", "http://host/a b", "http://[::1", "http://300.1.1.1", "http://user:word@host", "//host",
        "host:9090", "http://host\\tx", "http://-host", "http://h\u00f6st", "javascript://host",
    ],
)  # fmt: skip
def test_a_web_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="expected a web address"):
        parse(f'prometheus_url: "{url}"', "x")


def test_off_needs_no_quotes_whoever_wrote_the_yaml() -> None:
    found = parse("triggers: {a: off, b: 'off', c: false}\nstrict_seed: yes", "x")

    assert {found.triggers[name] for name in "abc"} == {Mode.OFF}
    assert found.strict_seed is True


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        parse("cooldown: 5\nstale_after: soon\nnonsense: 1", "x")

    assert str(refused.value).count("\n") == 3


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/rollback_webhook_secret").write_text("hook-secret\n")
    (tmp_path / "secrets/rollback_admin_secret").write_text("admin-secret\n")
    file = tmp_path / "settings.yml"
    file.write_text("time_scale: 1\n")
    return file


def test_secrets_are_read_beside_the_settings_and_lose_their_line_end(site: Path) -> None:
    loaded = load(site)

    assert (loaded.accounts.webhook.password, loaded.accounts.admin.password) == (
        "hook-secret",
        "admin-secret",
    )
    assert (loaded.accounts.web, loaded.accounts.reader) == (None, None)


def test_secrets_do_not_show_when_settings_are_printed(site: Path) -> None:
    names = ["slack_webhook_url_file", "prometheus_password_file", "web_auth_password_file"]
    site.write_text(
        "".join(f"{name}: secrets/planted\n" for name in names)
        + "prometheus_username: x\nweb_auth_username: y\n"
    )
    for name in ("planted", "rollback_webhook_secret", "rollback_admin_secret"):
        (site.parent / "secrets" / name).write_text(f"https://planted-secret.example/{name}")

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


@pytest.mark.parametrize(
    ("text", "files", "words"),
    [
        (
            "cooldown: 5m",
            {"rollback_admin_secret": "x"},
            "admin_secret_file: expected at least 10 characters",
        ),
        (
            "cooldown: 5m",
            {"rollback_webhook_secret": "nine-char"},
            "webhook_secret_file: expected at least 10",
        ),
        (
            "cooldown: 5m",
            {"rollback_admin_secret": "hook-secret"},
            "webhook_secret_file and admin_secret_file hold",
        ),
        (
            "cooldown: 5m",
            {"rollback_admin_secret": "two lines\nof secret"},
            "admin_secret_file: expected one line",
        ),
        (
            "slack_webhook_url_file: secrets/s",
            {"s": "hook-secret"},
            "slack_webhook_url_file: expected one web address",
        ),
        ("", {}, "expected settings, found an empty file"),
        ("webhook_username: admin", {}, "webhook_username and admin_username are one and the same account"),
        ("reader_secret_file: secrets/r", {"r": "hook-secret"}, "webhook_secret_file and reader_secret_file"),
        ("reader_secret_file: secrets/r\nreader_username: admin", {"r": "read-secret"}, "one and the same"),
        (
            "web_auth_username: admin\nweb_auth_password_file: secrets/w",
            {"w": "web-secret"},
            "the same account",
        ),
        (
            "webhook_hmac_secret_file: secrets/h",
            {"h": "short"},
            "webhook_hmac_secret_file: expected at least",
        ),
    ],
)
def test_two_doors_have_two_keys_and_none_is_short(
    site: Path, text: str, files: dict[str, str], words: str
) -> None:
    site.write_text(text)
    for name, content in files.items():
        (site.parent / "secrets" / name).write_text(content)

    with pytest.raises(SettingsInvalid, match=words):
        load(site)


def test_a_reader_and_a_signature_are_there_when_their_files_are_named(site: Path) -> None:
    site.write_text("reader_secret_file: secrets/r\nwebhook_hmac_secret_file: secrets/h\nlegacy_auth: true\n")
    (site.parent / "secrets/r").write_text("read-secret")
    (site.parent / "secrets/h").write_text("sign-secret")

    accounts = load(site).accounts

    assert accounts.reader and (accounts.reader.username, accounts.reader.password) == (
        "reader",
        "read-secret",
    )
    assert accounts.signature and accounts.signature.window == timedelta(minutes=5)
    assert accounts.legacy


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


# What settings point to


def found(site: Path, **changes: Any) -> list[str]:
    """What is wrong with a site that has all that it needs, but for the changes."""
    inventory = {"all": {"children": {"application": {"hosts": {"app1": {}, "app2": {}}, "vars": {"x": 1}}}}}
    (site.parent / "inventory.yml").write_text(yaml.safe_dump(inventory))
    base = {
        "listen_address": "127.0.0.1",
        "database": str(site.parent / "rollback.db"),
        "state_directory": str(site.parent / "state"),
        "executor": {"inventory": "inventory.yml"},
    }
    site.write_text(yaml.safe_dump({**base, **changes}))
    loaded = load(site)
    return [*problems(loaded, REPOSITORY), *unreachable(loaded.settings.listen_address)]


def command(*argv: str, **more: Any) -> dict[str, Any]:
    return {"kind": "command", "argv": list(argv), **more}


@pytest.mark.parametrize(
    "executor",
    [
        command("true"),
        command("/bin/true"),
        command("{service}"),
        command("sh", "-c", "deploy {to_version} ${SHELL} {}"),
        command("true", rehearsal_argv=["true"], environment={"PATH": "/bin"}),
    ],
)
def test_what_is_there_is_no_problem(site: Path, executor: dict[str, Any]) -> None:
    probes = {"shop": {"app1": "http://app1:8080/health/ready"}}

    assert found(site, probes=probes) == []
    assert found(site, executor=executor) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"executor": command("no-such-program")},
            "executor.argv: expected a program that can be run, found",
        ),
        (
            {"executor": command("true", "{version}", "{to_version}")},
            "executor.argv: expected one of service, from_version, to_version, rollback_id, hosts, checksum, "
            "variables in braces, found {version}; mend it",
        ),
        ({"executor": command("/etc/passwd")}, "executor.argv: expected a program that can be run, found"),
        ({"database": ":memory:"}, "database: expected a file, found :memory:"),
        (
            {"state_directory": "/tmp/" + "a" * 300},
            "state_directory: expected a path of at most 255 characters",
        ),
        (
            {"executor": command("true", rehearsal_argv=["/no"])},
            "executor.rehearsal_argv: expected a program",
        ),
        (
            {"executor": command("true", environment={"PATH": "/nowhere"})},
            "executor.argv: expected a program",
        ),
        ({"executor": command("true", directory="/nowhere")}, "executor.directory: expected a folder at"),
        ({"executor": {"inventory": "none.yml"}}, "executor.inventory: expected an inventory at"),
        (
            {"executor": {"inventory": "inventory.yml", "playbook": "playbooks/none.yml"}},
            "executor.playbook: expected a playbook at",
        ),
        (
            {"probes": {"shop": {"app9": "http://app9/"}}},
            "probes.shop.app9: expected a host of",
        ),
        (
            {"database": "/proc/version/rollback.db"},
            "database: expected a folder at /proc/version, found a file",
        ),
        ({"state_directory": "/proc/version/x"}, "state_directory: expected a folder at /proc/version"),
        (
            {"database": "/etc"},
            "database: expected a file that can be written to at /etc, found a folder; name a file in it",
        ),
        ({"prometheus_ca_file": "settings.yml"}, "prometheus_ca_file: expected certificates in"),
        (
            {"listen_address": "192.0.2.1"},
            "listen_address: expected an address of this host, found 192.0.2.1",
        ),
    ],
)
def test_what_cannot_work_is_one_sentence_each(site: Path, changes: dict[str, Any], sentence: str) -> None:
    [problem] = found(site, **changes)

    assert problem.startswith(sentence)


def test_settings_that_are_checked_before_they_are_in_place_have_their_inventory_beside_them(
    site: Path,
) -> None:
    assert found(site, executor={"inventory": "/nowhere/inventory.yml"}) == []


@pytest.mark.parametrize("what", ["nothing", "a folder", "a pipe", "no text"])
def test_settings_that_are_no_file_are_refused_at_once(site: Path, what: str) -> None:
    site.unlink()
    if what == "a folder":
        site.mkdir()
    elif what == "a pipe":
        os.mkfifo(site)
    elif what == "no text":
        site.write_bytes("cooldown: 1m # \u00e4".encode("utf-16"))

    with pytest.raises(SettingsInvalid, match="the settings: expected a"):
        load(site)


def test_a_certificate_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A certificate that is a pipe would hold up who reads it for ever."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("rollback_webhook_secret", "rollback_admin_secret"):
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets" / name).write_text(f"{name}-of-this-test")
    file = tmp_path / "settings.yml"
    file.write_text("web_tls_cert: pipe\nweb_tls_key: pipe\n")

    with pytest.raises(SettingsInvalid, match=r"web_tls_cert: expected a file at .*pipe, found none"):
        load(file)


def test_who_names_one_trigger_changes_that_one_alone() -> None:
    chosen = parse("triggers: {database_error: propose, ours: shadow}", "x").triggers

    assert chosen == {**Settings().triggers, "database_error": Mode.PROPOSE, "ours": Mode.SHADOW}
