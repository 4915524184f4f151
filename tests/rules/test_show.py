"""`harness rules show`: an alert at a site, with Ansible's own reading of the inventory."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO, VENV
from harness.cli import main
from harness.rules.cli import HOOKS
from ruletools.errors import RulesError
from ruletools.house.site.effective import Effective
from ruletools.house.site.effective import effective as _effective
from ruletools.house.site.read import Site, check_extra, read_site
from ruletools.house.site.shown import as_json, as_text

HOSTS = """
all:
  children:
    europe:
      children:
        monitoring:
          hosts:
            first.example.org: {}
            second.example.org: {alert_overrides: {CriticalErrorRate: {threshold: 0.9}}}
"""
NESTED = """
limit: 0.3
own_team: nobody
prometheus_dashboards_url: https://grafana.example.org
alert_overrides:
  CriticalErrorRate:
    threshold: "{{ limit }}"
    for: 3m
    severity: error
    labels: {owner: "{{ own_team }}"}
  QueueDepthHigh:
    for: 1h
    enabled: false
"""


def effective(name: str, site: Site) -> Effective:
    return _effective(name, site, HOOKS.causes())


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values of an outer group, of a nested file of the group, of the host, and from a vault."""
    root = tmp_path_factory.mktemp("site")
    files = {
        "hosts.yml": HOSTS,
        "group_vars/all/scale.yml": "prometheus_time_scale: 2\n",
        "group_vars/monitoring/deep/alerts.yml": NESTED,
        "host_vars/first.example.org.yml": "own_team: crew\nprometheus_web_users: [{password: hush-hush}]\n",
        "group_vars/europe/vault.yml": "hush: hush-hush\nalertmanager_overrides: {route: {group_wait: 7s}}\n",
        "password": "of the vault\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    encrypt = [str(VENV / "bin" / "ansible-vault"), "encrypt", f"--vault-password-file={root}/password"]
    subprocess.run([*encrypt, f"{root}/group_vars/europe/vault.yml"], check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def site(inventory: Path) -> Site:
    return read_site(str(inventory / "hosts.yml"), HOOKS, [f"--vault-password-file={inventory}/password"])


def origin_of(site: Site, field: str, alert: str = "CriticalErrorRate") -> tuple[Any, str]:
    value = next(value for value in effective(alert, site).values if value.field == field)
    where = value.place.removeprefix("prometheus_alert_overrides, ")
    return value.value, where.partition("/site0/")[2] or where


def test_the_first_host_of_the_group_is_asked(site: Site) -> None:
    assert site.host == "first.example.org"


def test_a_value_of_the_site_names_the_line_that_states_it(site: Site) -> None:
    alerts = "group_vars/monitoring/deep/alerts.yml"

    assert origin_of(site, "threshold") == (0.3, f"{alerts}:2")
    assert origin_of(site, "for") == ("1m30s", f"{alerts}:8")
    assert origin_of(site, "labels.severity") == ("error", f"{alerts}:9")
    assert origin_of(site, "labels.owner") == ("crew", "host_vars/first.example.org.yml:1")


def test_a_value_of_the_repository_names_the_line_of_the_rule(site: Site) -> None:
    for found in (site, Site()):
        value, where = origin_of(found, "labels.component")
        name, line = where.split(":")
        assert (REPO / name).read_text().splitlines()[int(line) - 1].strip() == f"component: {value}"


def test_the_time_scale_is_named_with_what_it_changed(site: Site) -> None:
    values = {value.field: value for value in effective("CriticalErrorRate", site).values}

    assert values["for"].stated == "3m"
    assert values["for"].scaled.startswith("time scale 2, ")
    assert values["for"].scaled.endswith("group_vars/all/scale.yml:1")
    assert not values["labels.severity"].scaled
    assert not values["threshold"].scaled, "a share of requests is no duration"


def test_the_age_in_a_condition_is_scaled(site: Site) -> None:
    assert origin_of(site, "threshold", "RollbackPathSilent")[0] == 300


def test_a_link_of_the_site_names_the_line_that_states_it(site: Site) -> None:
    values = {value.field: value for value in effective("CriticalErrorRate", site).values}
    dashboard, runbook = values["annotations.dashboard_url"], values["annotations.runbook_url"]

    assert dashboard.value.startswith("https://grafana.example.org/d/mita-main?")
    assert dashboard.place.startswith("prometheus_dashboards_url, ")
    assert dashboard.place.endswith("deep/alerts.yml:4")
    assert runbook.place.startswith("monitoring/rules/http.rules.yml:")
    assert effective("QueueDepthHigh", site).runbook_url.endswith("/runbooks/QueueDepthHigh")


def test_routes_follow_the_labels_and_the_configuration_in_force(site: Site) -> None:
    receivers = {route["receiver"]: route for route in effective("CriticalErrorRate", site).routes}

    assert list(receivers) == ["rollback", "error-pager", "error"], "the site made an error of it"
    assert receivers["error"]["group_wait"] == "7s"
    assert receivers["rollback"]["group_wait"] == "0s"


def test_what_may_mute_an_alert_is_named() -> None:
    assert effective("HighErrorRate", Site()).muted_by == (
        "CriticalErrorRate (same service, env, symptom, subject)",
        "SloAvailabilityFastBurn (same service, env, subject)",
        "RollbackRecovering (same service, env)",
    )
    assert any(one == "HostDown (same host, env)" for one in effective("RedisMemoryHigh", Site()).muted_by)
    assert effective("CriticalErrorRate", Site()).muted_by == ()


def test_an_alert_that_is_off_says_so_and_where(site: Site) -> None:
    text = as_text(effective("QueueDepthHigh", site))

    assert "switched off by prometheus_alert_overrides, " in text
    assert "group_vars/monitoring/deep/alerts.yml:13" in text
    assert "docs/runbooks/QueueDepthHigh.md" in text


def test_text_and_json_say_the_same_and_no_secret(site: Site) -> None:
    found = effective("CriticalErrorRate", site)
    text, document = as_text(found), json.loads(as_json(found))

    assert document["rule"]["for"] == "1m30s"
    assert document["fault"]["kind"] == "release"
    assert document["fault"]["how"] in text
    assert document["runbook"]["url"] in text
    assert (REPO / document["runbook"]["path"]).exists()
    assert "hush-hush" not in text + json.dumps(document)


def test_every_alert_can_be_shown() -> None:
    repository = Site()

    assert len(repository.rules) >= 92
    for name in repository.rules:
        assert as_text(effective(name, repository)).startswith(f"{name} in the repository\n")


def test_both_inventories_of_the_repository_can_be_read() -> None:
    assert read_site("inventories/lab", HOOKS).time_scale == 15
    assert read_site("inventories/production", HOOKS).time_scale == 1


def test_a_variable_of_the_command_line_wins(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inventory / "more.yml").write_text("limit: 0.4\n")
    password = f"--vault-password-file={inventory}/password"
    given = ["-i", str(inventory), password, "-e", f"@{inventory}/more.yml", "-e", "own_team=us"]

    assert main(["rules", "show", "CriticalErrorRate", "--json", *given]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["rule"]["expr"].endswith("> 0.4")
    assert document["rule"]["labels"]["owner"] == "us"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "expected an inventory .* found no .*site$"),
        (
            {"hosts.yml": "all: {hosts: {a: {}}}"},
            "expected a host in the group `monitoring` of .*, found none",
        ),
        (
            {"hosts.yml": HOSTS, "group_vars/all.yml": "$ANSIBLE_VAULT;1.1;AES256\n00\n"},
            "it says: .*[Vv]ault",
        ),
        (
            {"hosts.yml": HOSTS, "group_vars/all.yml": 'alert_overrides: "{{ nowhere }}"'},
            "it says: .*'nowhere' is undefined",
        ),
    ],
    ids=["no inventory", "no host", "vault without password", "undefined variable"],
)
def test_an_inventory_that_cannot_be_read_is_explained(
    files: dict[str, str], expected: str, tmp_path: Path
) -> None:
    root = tmp_path / "site"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    with pytest.raises(RulesError, match=f"(?s){expected}"):
        read_site(str(root), HOOKS)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("CriticalErorRate", "did you mean CriticalErrorRate"),
        ("errorrate", "CriticalErrorRate, HighErrorRate"),
        ("Zzz", "command `coverage` lists"),
    ],
)
def test_an_unknown_alert_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(RulesError, match=near):
        effective(name, Site())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"prometheus_alert_overrides": {"Nothing": {}}}, "alert override Nothing: expected one of"),
        ({"prometheus_alert_overrides": {"HostDown": {"far": 1}}}, "expected fields threshold, for"),
        ({"prometheus_alert_overrides": {"Watchdog": {"threshold": 1}}}, "a single number as its limit"),
        ({"prometheus_time_scale": "soon"}, "expected prometheus_time_scale as a number, found 'soon'"),
    ],
)
def test_a_site_that_the_installation_would_refuse_is_refused_here(
    changed: dict[str, Any], expected: str
) -> None:
    with pytest.raises(RulesError, match=expected):
        effective("HostDown", Site(inventory="x", values={**Site().values, **changed}))


@pytest.mark.parametrize(
    "extra", ["foo", "a=1 foo", "=1", "", "{a: 1", "[1, 2]", "@no-such-file.yml", 'a="b']
)
def test_a_broken_e_is_refused_with_what_was_expected(
    extra: str, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = ["-i", str(inventory), f"--vault-password-file={inventory}/password"]

    assert main(["rules", "show", "HostDown", *site, "-e", extra]) != 0
    assert (
        f"expected key=value, @file or JSON/YAML that is a mapping, found {extra!r}"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("extra", ["a=1", "a=1 b='x y'", '{"a": 1}', "{a: 1}"])
def test_an_e_that_is_right_is_not_refused(extra: str) -> None:
    check_extra(extra)


def test_an_e_that_nothing_would_read_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "HostDown", "-e", "limit=1"]) != 0
    assert "expected an inventory (-i) beside -e" in capsys.readouterr().err


def test_mutate_says_what_an_unknown_name_could_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "mutate", "HostDwn"]) != 0
    assert "found 'HostDwn' (did you mean HostDown," in " ".join(capsys.readouterr().err.split())
