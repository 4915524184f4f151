"""Grafana from a bare host on, from an archive around a stand-in that reads what Grafana would read.

No Grafana server can be had here: what the stand-in does not do, such as drawing, these tests do not show.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run
from devtools.wait import until
from harness.scratch.archives import Archive
from harness.scratch.certificates import self_signed
from harness.scratch.grafana_archive import grafana_archive
from harness.scratch.host import GROUPS, Scratch, scratch_host
from harness.scratch.roles import Part, Play, play_roles

pytestmark = pytest.mark.lab
ROLE = "grafana"
URL = "http://127.0.0.1:3000"
PASSWORD, NEXT = "planted$grafana'pass\"word", "planted-next-password"
ANNA = {"name": "anna", "password": "planted-of-anna", "role": "Editor"}
INPUTS: dict[str, Any] = {"grafana_admin_password": PASSWORD, "grafana_users": [ANNA]}
UIDS = {json.loads(path.read_text())["uid"] for path in (REPO / "monitoring/dashboards").glob("*.json")}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A bare host whose inventory has it in the group of Grafana, too."""
    with scratch_host("scratch", tmp_path_factory.mktemp("scratch"), (*GROUPS, "grafana")) as host:
        yield host


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return grafana_archive("10.4.99", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def play(scratch: Scratch, archive: Archive) -> Play:
    INPUTS.update(
        grafana_install_method="archive",
        grafana_version=archive.version,
        grafana_archive_url=str(archive.path),
        grafana_archive_checksum=archive.checksum,
    )

    def run(*options: str, **changed: Any) -> Run:
        return play_roles([Part(ROLE, ROLE, INPUTS | changed)], *options, inventory=scratch.inventory)

    return run


def ask(scratch: Scratch, path: str, login: str = "", options: str = "", url: str = URL) -> tuple[int, Any]:
    """What Grafana answers to somebody, whose password stands in a file."""
    if login:
        scratch.host.check_output("umask 077; printf %%s %s > /root/login", _config(login))
        options += " --config /root/login"
    text = scratch.host.check_output(f"curl --silent -w '\\n%{{http_code}}' {options} {url}{path}")
    body, _, code = text.rpartition("\n")
    return int(code), json.loads(body) if body.startswith(("{", "[")) else body


def _config(login: str) -> str:
    escaped = login.replace("\\", "\\\\").replace('"', '\\"')
    return f'user = "{escaped}"'


def as_admin(scratch: Scratch, path: str, options: str = "", password: str = PASSWORD) -> tuple[int, Any]:
    return ask(scratch, path, f"admin:{password}", options)


def people(scratch: Scratch, password: str = PASSWORD) -> dict[str, str]:
    code, listed = as_admin(scratch, "/api/org/users", password=password)
    assert code == 200, listed
    return {one["login"]: one["role"] for one in listed}


def pid(scratch: Scratch) -> str:
    return str(scratch.host.check_output("systemctl show -P MainPID grafana-server"))


def test_check_mode_on_a_bare_host_changes_nothing(bare_check: Run, scratch: Scratch) -> None:
    assert bare_check.changed()
    assert not scratch.host.file("/etc/grafana").exists


def test_service_runs_as_its_user_in_a_sandbox_on_loopback(installed: Run, scratch: Scratch) -> None:
    report = scratch.host.check_output("systemd-analyze security --no-pager grafana-server.service | tail -1")

    assert scratch.host.service("grafana-server").is_enabled
    assert scratch.host.check_output(f"ps -o user= -p {pid(scratch)}") == "grafana"
    assert float(report.split(":")[1].split()[0]) <= 2.0, report
    assert scratch.host.check_output("ss -Hltn 'sport = :3000'").split()[3] == "127.0.0.1:3000"


def test_the_whole_archive_is_there_for_everybody_to_read(installed: Run, scratch: Scratch) -> None:
    closed = scratch.host.check_output("find /opt/grafana/10.4.99 -type f ! -perm -004")

    assert scratch.host.file("/opt/grafana/10.4.99/public/robots.txt").exists
    assert closed == ""


def test_every_dashboard_is_there_with_a_data_source(installed: Run, scratch: Scratch) -> None:
    code, found = as_admin(scratch, "/api/search")
    _, sources = as_admin(scratch, "/api/datasources")

    assert code == 200 and {one["uid"] for one in found} == UIDS
    assert [(one["url"], one["isDefault"]) for one in sources] == [("http://127.0.0.1:9090", True)]


def test_who_knows_a_password_gets_in_and_nobody_else(installed: Run, scratch: Scratch) -> None:
    assert as_admin(scratch, "/api/user")[0] == 200
    assert ask(scratch, "/api/user", "anna:planted-of-anna") == (200, {"login": "anna", "role": "Editor"})
    assert ask(scratch, "/api/user", "admin:admin")[0] == 401
    assert ask(scratch, "/api/search")[0] == 401


def test_no_password_is_shown_logged_or_readable_by_all(installed: Run, scratch: Scratch) -> None:
    told = installed.output + scratch.host.check_output("journalctl --no-pager; ps -eo args")
    world = scratch.host.check_output("find /etc/grafana /var/lib/grafana /var/lib/mita -perm /o=r -type f")

    assert "default_home_dashboard_path" in installed.output
    assert [one for one in (PASSWORD, ANNA["password"]) if one in told] == []
    assert world == ""


def test_second_run_changes_nothing(installed: Run, play: Play) -> None:
    assert play().ok().changed() == []


def test_check_mode_shows_exactly_the_changed_setting(installed: Run, play: Play) -> None:
    """And nothing of all that is as it should be."""
    check = play("--check", "--diff", grafana_settings={"users": {"default_theme": "light"}}).ok()

    assert check.new_lines() == [{"default_theme = light"}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "short": ({"grafana_admin_password": "short"}, "at least 12 characters, found 5"),
    "address": ({"grafana_listen_address": "3000"}, "such as 0.0.0.0:3000 or [::1]:3000, found 3000"),
    "settings": ({"grafana_settings": {"smtp": True}}, "expected keys by section"),
    "list": ({"grafana_settings": {"smtp": {"host": ["a"]}}}, "expected one line for smtp.host, found ['a']"),
    "checksum": (
        {"grafana_archive_checksum": "sha256:" + "0" * 64, "grafana_version": "10.4.98"},
        "found sha256:",
    ),
    "version": ({"grafana_version": "10.4.98"}, "the version and the archive do not belong together"),
    "content": ({"grafana_content_dir": "/nowhere"}, "expected dashboards with a uid of their own"),
    "start": ({"grafana_settings": {"server": {"protocol": "https"}}}, "grafana-server.service is active."),
    "role": ({"grafana_users": [{**ANNA, "role": "Owner"}]}, "Owner"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input_is_explained(refused: Run, name: str) -> None:
    assert REFUSED[name][1] in refused.failure(name)


def test_refused_inputs_leave_everything_as_it_was(refused: Run, scratch: Scratch, before: str) -> None:
    assert state_of(scratch) == before
    assert as_admin(scratch, "/api/user")[0] == 200


def state_of(scratch: Scratch) -> str:
    files = "find /etc/grafana /etc/systemd/system -type f | sort | xargs sha256sum"
    return str(scratch.host.check_output(files))


def test_new_password_replaces_the_old_one_without_a_restart(
    installed: Run, play: Play, scratch: Scratch
) -> None:
    running = pid(scratch)
    shown = play("-vvv", "--diff", grafana_admin_password=NEXT).ok()

    assert as_admin(scratch, "/api/user", password=NEXT)[0] == 200
    assert as_admin(scratch, "/api/user")[0] == 401
    assert pid(scratch) == running
    assert NEXT not in shown.output + scratch.host.check_output("journalctl --no-pager")
    assert play(grafana_admin_password=NEXT).ok().changed() == []


def test_password_that_a_hand_has_changed_is_set_back(installed: Run, play: Play, scratch: Scratch) -> None:
    play().ok()
    body = json.dumps({"password": "of-another-hand"})
    assert as_admin(scratch, "/api/admin/users/1/password", f"-X PUT -d '{body}'")[0] == 200

    told = play("--diff").ok()

    assert "set the password of admin" in told.output
    assert as_admin(scratch, "/api/user")[0] == 200


def test_people_follow_the_inventory_and_others_stay(installed: Run, play: Play, scratch: Scratch) -> None:
    play().ok()
    body = json.dumps({"name": "guest", "login": "guest", "password": "made-by-hand"})
    as_admin(scratch, "/api/admin/users", f"-X POST -d '{body}'")
    changed = {**ANNA, "role": "Viewer", "password": "planted-of-anna-2"}

    play(grafana_users=[changed]).ok()
    assert people(scratch) == {"admin": "Admin", "anna": "Viewer", "guest": "Viewer"}
    assert ask(scratch, "/api/user", "anna:planted-of-anna-2")[0] == 200

    play(grafana_users=[]).ok()
    assert people(scratch) == {"admin": "Admin", "guest": "Viewer"}
    assert play(grafana_users=[]).ok().changed() == []


def test_dashboard_that_left_the_repository_leaves_grafana(
    installed: Run, play: Play, scratch: Scratch, tmp_path: Path
) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards/mita-main.json").write_text('{"uid": "mita-main", "title": "T", "panels": [{}]}')
    running = pid(scratch)

    play(grafana_content_dir=str(tmp_path)).ok()

    assert {one["uid"] for one in as_admin(scratch, "/api/search")[1]} == {"mita-main"}
    assert pid(scratch) == running


def test_dashboards_with_one_uid_are_refused(installed: Run, play: Play, tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"dashboards/{name}.json").write_text('{"uid": "u", "title": "T", "panels": [{}]}')

    assert "found u twice" in play(grafana_content_dir=str(tmp_path)).failure()


def test_visitors_see_what_the_site_says(installed: Run, play: Play, scratch: Scratch) -> None:
    play(grafana_anonymous_role="Viewer").ok()

    assert ask(scratch, "/api/search")[0] == 200
    assert ask(scratch, "/api/datasources")[0] == 403


def test_prometheus_is_asked_through_its_closed_port(installed: Run, play: Play, scratch: Scratch) -> None:
    """A password with a dollar reaches Prometheus as it is."""
    login = {"username": "reader", "password": "pa$word$HOME"}
    users = [{"name": "reader", "password": login["password"]}]
    fast = {"prometheus_time_scale": 15, "prometheus_access": {"prometheus": login}}
    part = Part("prometheus", "prometheus", {"prometheus_web_users": users, **fast})
    play_roles([part], inventory=scratch.inventory).ok()

    assert as_admin(scratch, "/api/datasources/uid/mita-prometheus/health")[0] == 400
    play(grafana_prometheus_access=login).ok()
    code, told = as_admin(scratch, "/api/datasources/uid/mita-prometheus/health")

    assert (code, told["status"]) == (200, "OK")


def value(scratch: Scratch, query: str) -> list[str]:
    """What Prometheus, as the test before has installed it, answers to a query."""
    options = f"-G --data-urlencode 'query={query}'"
    answer = ask(scratch, "/api/v1/query", "reader:pa$word$HOME", options, "http://127.0.0.1:9090")
    return [one["value"][1] for one in answer[1]["data"]["result"]]


def test_prometheus_scrapes_grafana(installed: Run, scratch: Scratch) -> None:
    until("Grafana to be scraped", lambda: value(scratch, 'up{job="grafana"}') == ["1"], deadline_s=30)
    assert value(scratch, 'grafana_http_request_duration_seconds_count{job="grafana",status_code="200"}')


@pytest.mark.long
def test_prometheus_says_when_grafana_is_down(installed: Run, play: Play, scratch: Scratch) -> None:
    """At fifteen times the speed: `for: 5m` is 20 s."""
    scratch.host.check_output("systemctl stop grafana-server")
    firing = 'ALERTS{alertname="GrafanaDown",alertstate="firing"}'
    until("GrafanaDown to fire", lambda: value(scratch, firing) == ["1"], deadline_s=60)
    play().ok()


def test_certificate_makes_tls_the_only_way_in(installed: Run, play: Play, scratch: Scratch) -> None:
    certificate, key = self_signed("scratch")
    tls = {"grafana_web_tls_cert": certificate, "grafana_web_tls_key": key}
    metrics = {"grafana_metrics_user": {"name": "scraper", "password": "planted-metrics"}}

    shown = play("-vvv", "--diff", **tls, **metrics).ok()
    trust = "--cacert /etc/grafana/web/tls.crt --resolve scratch:3000:127.0.0.1"
    url = "https://scratch:3000"

    assert key.splitlines()[1] not in shown.output and "planted-metrics" not in shown.output
    assert ask(scratch, "/api/health", options=trust, url=url)[0] == 200
    assert ask(scratch, "/metrics", options=trust, url=url)[0] == 401
    assert ask(scratch, "/metrics", "scraper:planted-metrics", trust, url)[0] == 200
    assert scratch.host.run(f"curl --silent {URL}/api/health").rc != 0
    assert play(**tls, **metrics).ok().changed() == []


PACKAGE = """
set -e
rm -rf /srv/repo /tmp/deb
mkdir -p /srv/repo /tmp/deb/DEBIAN /tmp/deb/usr/share
cp -r /opt/grafana/10.4.99 /tmp/deb/usr/share/grafana
cat > /tmp/deb/DEBIAN/control <<'EOF'
Package: grafana
Version: 10.4.97
Architecture: all
Maintainer: x <x@example.org>
Description: x
EOF
dpkg-deb --build /tmp/deb /srv/repo/grafana.deb
cat /tmp/deb/DEBIAN/control > /srv/repo/Packages
printf 'Filename: ./grafana.deb\nSize: %s\nSHA256: %s\n' $(stat -c %s /srv/repo/grafana.deb) \
    $(sha256sum /srv/repo/grafana.deb | cut -d' ' -f1) >> /srv/repo/Packages
echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list.d/site.list
only=sources.list.d/site.list
apt-get update -o Dir::Etc::sourcelist=$only -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
"""


@pytest.mark.long
def test_package_of_the_hosts_own_sources_takes_the_archives_place(
    installed: Run, play: Play, scratch: Scratch
) -> None:
    """As from a mirror of the vendor's repository; the vendor's own cannot be had here."""
    scratch.host.check_output("bash -c %s", PACKAGE)
    package = {"grafana_install_method": "package", "grafana_version": "10.4.97"}

    play(**package).ok()

    arguments = scratch.host.check_output(f"tr '\\0' ' ' < /proc/{pid(scratch)}/cmdline")
    assert "/usr/share/grafana/bin/grafana server --homepath=/usr/share/grafana" in arguments
    assert {one["uid"] for one in as_admin(scratch, "/api/search")[1]} == UIDS
    assert play(**package).ok().changed() == []


def test_repository_of_the_vendor_is_known_with_its_key(installed: Run, play: Play, scratch: Scratch) -> None:
    shown = play("--check", "--diff", grafana_install_method="package", grafana_repository_key="KEY")

    assert "URIs: https://apt.grafana.com" in shown.output
    assert "Signed-By: /etc/apt/keyrings/mita-grafana.asc" in shown.output
