"""Prometheus, Alertmanager and the exporters from a bare host on: each scene is one run over all of them.

The scenes follow each other on one host, so a test never installs what an earlier one has installed.
"""

import difflib
import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from devtools.paths import REPO
from devtools.playbook import Run
from devtools.wait import until
from harness.scratch.host import Scratch
from harness.scratch.roles import play_roles
from monitoring.exporters import load_exporters
from tests.roles.services import EXPORTERS, PLANTED, UNITS, Service

pytestmark = pytest.mark.lab
EXPOSURE_BUDGET = 2.0

Services = dict[str, Service]
Play = Callable[..., Run]
Changes = Mapping[str, Mapping[str, object]]
every_service = pytest.mark.parametrize("unit", UNITS)


@pytest.fixture(scope="module")
def play(scratch: Scratch, services: Services, units: tuple[str, ...]) -> Play:
    """Play every service, or those that are *only* wanted, each with its own changes of variables."""

    def run(*options: str, only: Iterable[str] = units, changes: Changes | None = None) -> Run:
        parts = [services[unit].part(**(changes or {}).get(unit, {})) for unit in only]
        return play_roles(parts, *options, inventory=scratch.inventory)

    return run


@pytest.fixture(scope="module")
def bare_check(play: Play) -> Run:
    return play("--check", "--diff")


@pytest.fixture(scope="module")
def installed(bare_check: Run, play: Play) -> Run:
    return play("-vvv", "--diff")


@pytest.fixture(scope="module")
def second_run(installed: Run, play: Play) -> Run:
    return play("--diff").ok()


@pytest.fixture(scope="module")
def converged_check(second_run: Run, play: Play) -> Run:
    return play("--check", "--diff").ok()


@pytest.fixture(scope="module")
def one_setting_check(second_run: Run, play: Play, services: Services, units: tuple[str, ...]) -> Run:
    changes = {unit: services[unit].setting[0] for unit in units}
    return play("--check", "--diff", changes=changes).ok()


def test_check_mode_on_a_bare_host_changes_nothing(
    bare_check: Run, scratch: Scratch, units: tuple[str, ...]
) -> None:
    bare_check.ok()

    assert len(bare_check.changed()) >= len(units) > 1
    assert not scratch.host.package("prometheus").is_installed
    assert not scratch.host.file("/etc/alertmanager").exists


@every_service
def test_service_runs_as_its_own_user_and_answers(
    installed: Run, scratch: Scratch, services: Services, unit: str
) -> None:
    assert not installed.failure(unit)
    service = scratch.host.service(unit)
    pid = scratch.host.check_output(f"systemctl show -P MainPID {unit}")

    assert service.is_running and service.is_enabled
    assert scratch.host.check_output(f"ps -o user:32= -p {pid}") == services[unit].owner
    port, ready = services[unit].port, services[unit].ready
    assert scratch.host.run(f"curl --fail --silent http://127.0.0.1:{port}{ready}").succeeded


@pytest.mark.long
def test_alerts_pass_their_unit_tests_with_the_promtool_that_hosts_have(
    installed: Run, scratch: Scratch
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for directory in ("monitoring/rules", "tests/rules"):
            archive.add(REPO / directory, directory)
    scratch.container.put_archive("/root", packed.getvalue())

    answer = scratch.host.run("cd /root && promtool test rules tests/rules/*.test.yml 2>&1")

    assert answer.rc == 0, answer.stdout
    assert answer.stdout.count("SUCCESS") == len(list((REPO / "tests/rules").glob("*.test.yml")))


def test_what_another_hand_wrote_was_copied_before_it_was_replaced(installed: Run, scratch: Scratch) -> None:
    copy = scratch.host.file("/var/backups/mita/prometheus/etc/prometheus/prometheus.yml")

    assert "scrape_configs" in copy.content_string and "targets/node.yml" not in copy.content_string
    assert (copy.user, copy.mode) == ("root", 0o600)


@every_service
def test_sandbox_keeps_the_exposure_within_budget(installed: Run, scratch: Scratch, unit: str) -> None:
    report = scratch.host.check_output(f"systemd-analyze security --no-pager {unit}.service | tail -1")

    assert float(report.split(":")[1].split()[0]) <= EXPOSURE_BUDGET, report


@every_service
def test_secrets_are_readable_for_the_service_alone(
    installed: Run, scratch: Scratch, services: Services, unit: str
) -> None:
    world = scratch.host.check_output(f"find {services[unit].root} -perm /o=r -type f")
    found = {
        path: oct(scratch.host.file(f"{services[unit].root}/{path}").mode).replace("0o", "0")
        for path in services[unit].secrets
    }

    assert found == services[unit].secrets
    assert unit == "prometheus" or not world


def test_no_secret_is_in_the_most_talkative_output(installed: Run) -> None:
    assert "prometheus.yml" in installed.output
    assert [name for name, value in PLANTED.items() if value in installed.output] == []


def test_no_secret_is_in_the_journal_or_on_a_command_line(installed: Run, scratch: Scratch) -> None:
    told = scratch.host.check_output("journalctl --no-pager; ps -eo args")

    assert "prometheus.service" in told
    assert [name for name, value in PLANTED.items() if value in told] == []


def test_distribution_units_are_masked_and_silent(installed: Run, scratch: Scratch) -> None:
    for unit in ("prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter"):
        assert scratch.host.check_output(f"systemctl is-enabled {unit} || true") == "masked"
        assert not scratch.host.service(unit).is_running


def test_what_ended_unheard_is_looked_for_regularly(installed: Run, scratch: Scratch) -> None:
    timer = scratch.host.service("alertmanager-closing.timer")
    assert timer.is_enabled and timer.is_running

    scratch.host.check_output("systemctl start alertmanager-closing.service")
    memory = scratch.host.check_output("stat -c '%U %a' /var/lib/mita-closing/memory.json")
    assert memory == "alertmanager 600"
    assert scratch.host.check_output("stat -c '%G %a' /etc/alertmanager/closing.json") == "alertmanager 640"
    report = scratch.host.check_output("systemd-analyze security alertmanager-closing | tail -1")
    assert float(report.split(":")[1].split()[0]) <= EXPOSURE_BUDGET


def test_messages_to_slack_wait_in_a_queue_that_alone_knows_the_addresses(
    installed: Run, scratch: Scratch
) -> None:
    ask = scratch.host.check_output
    assert scratch.host.service("alertmanager-relay").is_running
    assert scratch.host.service("alertmanager-relay-look.timer").is_running
    assert ask("stat -c '%G %a' /etc/mita-relay/secrets/slack_webhook_url") == "mita-relay 640"
    assert ask("stat -c '%U %a' /var/lib/mita-relay/queue.sqlite") == "mita-relay 600"
    assert not scratch.host.file("/etc/alertmanager/secrets/slack_webhook_url").exists
    assert ask("ss -Hltn 'sport = :9096'").split()[3] == "127.0.0.1:9096"
    for unit in ("alertmanager-relay", "alertmanager-relay-look"):
        report = ask(f"systemd-analyze security {unit} | tail -1")
        assert float(report.split(":")[1].split()[0]) <= EXPOSURE_BUDGET, report

    ask("systemctl start alertmanager-relay-look.service")
    post = 'curl --silent --data \'{"text": "t"}\' http://127.0.0.1:9096/slack_webhook_url'
    assert ask(post) == "ok"  # nobody listens at this Slack: it is tried again
    ask("systemctl kill --signal=KILL alertmanager-relay")
    state = "curl --silent --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:9096/state"
    assert '"waiting": 1' in ask(state)
    assert "ConnectionRefusedError" in ask("journalctl --no-pager -u alertmanager-relay")


@every_service
def test_port_that_nobody_else_needs_is_on_loopback(
    installed: Run, scratch: Scratch, services: Services, unit: str
) -> None:
    port = services[unit].port
    assert scratch.host.check_output(f"ss -Hltn 'sport = :{port}'").split()[3] == f"127.0.0.1:{port}"


def test_versions_that_are_tested_are_not_warned_about(installed: Run) -> None:
    assert "of a version that this repository is tested with" not in installed.output


def test_second_run_changes_nothing(second_run: Run) -> None:
    assert second_run.changed() == []


@pytest.mark.long
def test_check_mode_on_a_converged_host_shows_nothing(converged_check: Run) -> None:
    assert converged_check.changed() == []
    assert [event.diffs for event in converged_check.events if event.diffs] == []


@every_service
def test_check_mode_shows_exactly_the_changed_setting(
    one_setting_check: Run, services: Services, unit: str
) -> None:
    _, expected = services[unit].setting
    diffs = [diff for event in one_setting_check.of(unit) for diff in event.diffs]

    assert len(diffs) == 1, diffs
    lines = difflib.ndiff(diffs[0]["before"].splitlines(), diffs[0]["after"].splitlines())
    new = [line for line in lines if line.startswith("+ ")]
    assert len(new) == 1 and expected in new[0], new


# What is refused, and that everything is as it was afterwards.


@pytest.fixture(scope="module")
def before(one_setting_check: Run, scratch: Scratch) -> str:
    return state_of(scratch)


def state_of(scratch: Scratch) -> str:
    """Every file of ours and every main process: equal texts mean that nothing was replaced or restarted."""
    files = "find /etc/prometheus /etc/alertmanager /etc/*-exporter /etc/systemd/system -type f | sort"
    pids = "; ".join(f"systemctl show -P MainPID -P ActiveState {unit}" for unit in UNITS)
    return str(scratch.host.check_output(f"{files} | xargs sha256sum; {pids}"))


REFUSING = ("prometheus", "alertmanager", "blackbox-exporter")


@pytest.fixture(scope="module")
def refused(before: str, play: Play, content: Callable[[str], Path]) -> Run:
    broken = content("broken")
    rules = broken / "rules" / "redis.rules.yml"
    rules.write_text(rules.read_text().replace("expr: ", "expr: sum by (", 1))
    (broken / "templates" / "slack.tmpl").write_text('{{ define "half" }}')
    (broken / "blackbox.yml").write_text("modules: {http_2xx: {prober: http, telepathy: 5s}}\n")
    place = {"content_dir": str(broken)}
    return play(only=REFUSING, changes=dict.fromkeys(REFUSING, place))


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("prometheus", "/etc/prometheus/rules/redis.rules.yml"),
        ("alertmanager", "unexpected EOF"),
        ("blackbox-exporter", "telepathy"),
    ],
)
def test_broken_configuration_is_refused_in_the_programs_own_words(
    refused: Run, unit: str, words: str
) -> None:
    assert "nothing was replaced" in refused.failure(unit)
    assert words in refused.failure(unit)


def test_refused_configuration_leaves_everything_as_it_was(
    refused: Run, scratch: Scratch, before: str
) -> None:
    assert state_of(scratch) == before


@pytest.fixture(scope="module")
def reload_failed(refused: Run, scratch: Scratch, play: Play) -> Run:
    """Files that root, who checks, can read, and the service can not."""
    scratch.host.check_output("install -m 0600 /etc/prometheus/rules/redis.rules.yml /etc/site.rules.yml")
    scratch.host.check_output("install -m 0600 /etc/alertmanager/templates/slack.tmpl /etc/site.tmpl")
    changes = {
        "prometheus": {"overrides": {"rule_files": ["rules/*.rules.yml", "/etc/site.rules.yml"]}},
        "alertmanager": {"overrides": {"templates": ["templates/*.tmpl", "/etc/site.tmpl"]}},
    }
    return play(only=changes, changes=changes)


@pytest.mark.parametrize("unit", ["prometheus", "alertmanager"])
def test_failed_reload_fails_the_play_and_puts_the_old_files_back(
    reload_failed: Run, scratch: Scratch, before: str, unit: str
) -> None:
    message = reload_failed.failure(unit)

    assert "permission denied" in message
    assert f"The previous files are back; {unit}.service is active." in message
    assert state_of(scratch) == before


def processes(scratch: Scratch) -> dict[str, str]:
    return {unit: scratch.host.check_output(f"systemctl show -P MainPID {unit}") for unit in UNITS}


@pytest.fixture(scope="module")
def running(reload_failed: Run, scratch: Scratch) -> dict[str, str]:
    return processes(scratch)


@pytest.fixture(scope="module")
def unknown_flag(running: dict[str, str], play: Play, units: tuple[str, ...]) -> Run:
    return play(changes={unit: {"extra_flags": ["--no-such-flag"]} for unit in units})


@every_service
def test_unknown_flag_is_said_in_the_programs_words_and_leaves_the_running_one(
    unknown_flag: Run, running: dict[str, str], scratch: Scratch, unit: str
) -> None:
    message = unknown_flag.failure(unit)

    assert "refuses its flags and nothing was replaced: " in message
    assert "no-such-flag" in message.partition("nothing was replaced: ")[2]
    assert len(message) < 500
    assert processes(scratch)[unit] == running[unit]


@pytest.fixture(scope="module")
def start_failed(unknown_flag: Run, play: Play, units: tuple[str, ...]) -> Run:
    """An address that this host does not have: only a start shows that."""
    flag = "--web.listen-address=203.0.113.1:1"
    return play(changes={unit: {"extra_flags": [flag]} for unit in units})


@every_service
def test_service_that_does_not_start_is_put_back(start_failed: Run, scratch: Scratch, unit: str) -> None:
    message = start_failed.failure(unit)

    assert "203.0.113.1" in message or "prometheus.service ended instead of getting ready" in message
    assert f"The previous files are back; {unit}.service is active." in message
    assert scratch.host.service(unit).is_running
    assert "203.0.113.1" not in scratch.host.file(f"/etc/systemd/system/{unit}.service").content_string


# What left the repository or the inventory leaves the host; what others wrote stays.


@pytest.fixture(scope="module")
def pruned(start_failed: Run, scratch: Scratch, play: Play, content: Callable[[str], Path]) -> Run:
    rules = 'groups: [{name: site, rules: [{alert: SiteOwn, expr: "vector(1)"}]}]\n'
    scratch.host.check_output(f"echo '{rules}' > /etc/prometheus/rules/site-own.rules.yml")
    scratch.host.check_output("touch /etc/alertmanager/templates/site-own.tmpl /etc/node-exporter/site-own")
    smaller = content("smaller")
    (smaller / "rules" / "redis.rules.yml").unlink()
    (smaller / "templates" / "own.tmpl").write_text('{{ define "own" }}{{ end }}')
    changes: dict[str, dict[str, object]] = {
        "prometheus": {
            "content_dir": str(smaller),
            "jobs": {
                **dict.fromkeys(("alertmanager", "mita-backend", "mita-rollback")),
                **{job: None for one in load_exporters(EXPORTERS).values() for job in one.jobs},
            },
        },
        "alertmanager": {"content_dir": str(smaller)},
    }
    play(only=["alertmanager"], changes=changes).ok()
    (smaller / "templates" / "own.tmpl").unlink()
    return play("--diff", only=changes, changes=changes).ok()


def test_rules_targets_and_templates_that_left_are_removed(pruned: Run, scratch: Scratch) -> None:
    assert not scratch.host.file("/etc/prometheus/rules/redis.rules.yml").exists
    assert scratch.host.check_output("ls /etc/prometheus/targets") == "prometheus.yml"
    assert not scratch.host.file("/etc/alertmanager/templates/own.tmpl").exists
    assert any("redis.rules.yml" in diff["before_header"] for event in pruned.events for diff in event.diffs)


def test_files_of_others_stay_and_are_loaded(pruned: Run, scratch: Scratch) -> None:
    rules = scratch.host.check_output("curl --silent http://127.0.0.1:9090/api/v1/rules")

    assert "SiteOwn" in rules
    assert scratch.host.file("/etc/alertmanager/templates/site-own.tmpl").exists
    assert scratch.host.file("/etc/node-exporter/site-own").exists


def test_removed_targets_are_no_longer_scraped(pruned: Run, scratch: Scratch) -> None:
    def jobs() -> bool:
        targets = scratch.host.check_output("curl --silent http://127.0.0.1:9090/api/v1/targets?state=active")
        return '"job":"prometheus"' in targets and '"job":"node"' not in targets

    until("only the job prometheus to be scraped", jobs, deadline_s=15)
