"""Every play says which site it addresses; one that would reach another site is refused at once."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from devtools.paths import REPO, VENV
from harness.lab import spec
from monitoring.yaml_text import read_yaml

pytestmark = pytest.mark.slow
PLAY = [
    {
        "hosts": "application",
        "gather_facts": False,
        "tasks": [{"name": "Touch a host", "ansible.builtin.raw": "true"}],
    }
]
THIS = f"SSH-2.0-OpenSSH_10.0 mita-lab={quote(str(REPO))}"
OTHER = "SSH-2.0-OpenSSH_10.0 mita-lab=/srv/other%20clone"
PLAIN = "SSH-2.0-OpenSSH_10.0 Debian-7"
Greet = Callable[[str], int]


@contextmanager
def greeting(line: str) -> Iterator[int]:
    """The port of a server that greets so, and then says nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    with server.accept()[0] as connection:
                        connection.sendall(f"{line}\r\n".encode())
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def greet() -> Iterator[Greet]:
    with ExitStack() as stack:
        yield lambda line: stack.enter_context(greeting(line))


def closed_port() -> int:
    """A port of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def play(
    tmp_path: Path, hosts: dict[str, dict[str, Any]], *options: str, connection: str = "", **site: Any
) -> tuple[int, str]:
    """The exit status of a play on these hosts, and what was said."""
    inventory, playbook = tmp_path / "hosts.yml", tmp_path / "play.yml"
    group = {"hosts": {name: {"ansible_timeout": 1, **each} for name, each in hosts.items()}, "vars": site}
    others = {"data": {"site_name": "bench", **next(iter(hosts.values())), **site}}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": others, "children": {"application": group}}}))
    playbook.write_text(json.dumps([{**PLAY[0], **({"connection": connection} if connection else {})}]))
    argv = [str(VENV / "bin" / "ansible-playbook"), "-i", str(inventory), str(playbook), *options]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"), "COLUMNS": "1000"}
    done = subprocess.run(argv, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + " ".join(done.stderr.split())


def here(port: int) -> dict[str, Any]:
    return {"ansible_host": "127.0.0.1", "ansible_port": port}


def test_a_play_says_its_site_inventory_and_hosts_before_its_first_task(tmp_path: Path, greet: Greet) -> None:
    port = greet(THIS)
    hosts = {"app1": here(port), "app2": here(port), "app3": here(port)}

    _, told = play(tmp_path, hosts, "--limit=!app2", site_name="bench", lab_clone=str(REPO))

    assert f"site: bench ({tmp_path}), hosts: app1, app3\n" in told
    assert told.index("site: bench") < told.index("TASK [Touch a host]")


def test_an_inventory_without_a_name_is_refused(tmp_path: Path) -> None:
    code, told = play(tmp_path, {"app1": here(closed_port())})

    assert code == 1
    assert f"expected every host of {tmp_path} to have a site_name, found none for app1" in told
    assert "write site_name: NAME into group_vars/all" in told
    assert "TASK" not in told


def test_two_sites_in_one_run_are_refused(tmp_path: Path) -> None:
    hosts = {name: {**here(closed_port()), "site_name": name} for name in ("here", "there")}

    code, told = play(tmp_path, hosts)

    assert (code, "found here and there" in told, "TASK" in told) == (1, True, False)


@pytest.mark.parametrize(
    ("site", "found"),
    [
        ({"site_name": "{{ not_there }}"}, "'not_there' is undefined"),
        pytest.param({"site_name": "{{ 1 + }}"}, "Syntax error in template", marks=pytest.mark.long),
        ({"site_name": "bench", "ansible_port": "ssh"}, "the ansible_port 'ssh' of app1, which is no number"),
        ({"site_name": ["a", "b"]}, "the site_name ['a', 'b'] of app1, which is no short line of text"),
        pytest.param({"site_name": "a\nb"}, "the site_name 'a\\nb' of app1", marks=pytest.mark.long),
        pytest.param({"site_name": "x" * 64}, "xxx... of app1", marks=pytest.mark.long),
    ],
)
def test_a_site_that_cannot_be_read_is_refused(tmp_path: Path, site: dict[str, Any], found: str) -> None:
    """Ansible turns what a callback raises into a warning, and would go on."""
    code, told = play(tmp_path, {"app1": {"ansible_host": "127.0.0.1"}}, **site)

    assert (code, "TASK" in told) == (1, False)
    assert "to say the site and the address of each host, found" in told
    assert found in told


def test_a_vault_without_its_password_is_refused_with_the_way_to_give_it(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")

    code, told = play(tmp_path, {"app1": here(closed_port())}, site_name="mysite")

    assert (code, "--ask-vault-pass" in told, "TASK" in told) == (1, True, False)


def test_a_site_name_that_says_nothing_is_none(tmp_path: Path) -> None:
    for nothing in (None, "", "  "):
        code, told = play(tmp_path, {"app1": here(closed_port())}, site_name=nothing)

        assert (code, "found none for app1" in told) == (1, True)


def test_two_inventories_are_two_sites_although_ansible_makes_them_one(tmp_path: Path) -> None:
    """Where both have group_vars/all, the name in the last one is that of every host."""
    code, told = play_application(site_folder(tmp_path, "here"), site_folder(tmp_path, "there"))

    assert (code, "TASK" in told) == (1, False)
    assert "expected one site in a run, found here and there in" in told


def test_an_inventory_in_parts_may_name_its_site_once(tmp_path: Path) -> None:
    more = tmp_path / "more.yml"
    more.write_text(yaml.safe_dump({"all": {"hosts": {"app9": {}}}}))

    _, told = play(
        tmp_path,
        {"app1": here(closed_port())},
        site_folder(tmp_path, "bench"),
        f"--inventory={more}",
        site_name="bench",
    )

    assert "TASK [Touch a host]" in told


def test_an_inventory_without_hosts_is_refused() -> None:
    """A mistyped name of a site is no play that went well."""
    code, told = play_application("--inventory=inventories/mistyped")

    assert (code, "expected hosts in inventories/mistyped, found none" in told) == (1, True)


def play_application(*options: str) -> tuple[int, str]:
    """The exit status of a play of this repository in which nothing is done, and what was said."""
    argv = [str(VENV / "bin" / "ansible-playbook"), "--check", "--tags=none", *options]
    environment = {**os.environ, "COLUMNS": "1000"}
    done = subprocess.run(
        [*argv, "playbooks/application.yml"],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + " ".join(done.stderr.split())


def site_folder(tmp_path: Path, name: str) -> str:
    """The option that adds an inventory with one host, laid out as those of this repository."""
    folder = tmp_path / name
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {f"{name}-host": {}}}}))
    (folder / "group_vars" / "all.yml").write_text(f"site_name: {name}\n")
    return f"--inventory={folder}"


def test_a_lab_that_does_not_run_is_answered_with_what_to_type(tmp_path: Path) -> None:
    code, told = play(tmp_path, {"app1": here(closed_port())}, site_name="lab", lab_clone=str(REPO))

    assert code == 1
    assert "expected the lab of this clone to run, found nothing that answers at 127.0.0.1:" in told
    assert "-i inventories/mysite, or start the lab: make up" in told
    assert "TASK" not in told


def test_one_host_of_the_lab_that_is_away_stops_nothing(tmp_path: Path, greet: Greet) -> None:
    """Who rolls back wants the hosts that are left."""
    hosts = {"app1": here(closed_port()), "app2": here(greet(THIS))}

    _, told = play(tmp_path, hosts, site_name="lab", lab_clone=str(REPO))

    assert "TASK [Touch a host]" in told


@pytest.mark.parametrize(
    ("line", "whose"), [(OTHER, "the lab of /srv/other clone"), (PLAIN, "a host that no lab of today made")]
)
def test_the_lab_of_another_clone_at_these_ports_is_refused(
    tmp_path: Path, greet: Greet, line: str, whose: str
) -> None:
    hosts = {"app1": here(greet(THIS)), "app2": here(greet(line))}

    code, told = play(tmp_path, hosts, site_name="lab", lab_clone=str(REPO))

    assert code == 1
    assert (
        f"expected the lab of this clone at 127.0.0.1:{hosts['app2']['ansible_port']}, found {whose}" in told
    )
    assert "TASK" not in told


def test_the_inventory_of_another_clones_lab_is_refused(tmp_path: Path, greet: Greet) -> None:
    code, told = play(tmp_path, {"app1": here(greet(OTHER))}, site_name="lab", lab_clone="/srv/other clone")

    assert code == 1
    assert "which belongs to /srv/other clone; run the playbooks of that clone" in told
    assert "TASK" not in told


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        *(pytest.param(other, marks=pytest.mark.long) for other in ("localhost", "LOCALHOST", "127.1", "0")),
    ],
)
def test_a_site_whose_address_is_a_lab_is_refused(tmp_path: Path, greet: Greet, address: str) -> None:
    hosts = {"app1": {**here(greet(THIS)), "ansible_host": address}}

    code, told = play(tmp_path, hosts, site_name="mysite")

    assert code == 1
    assert f"expected app1 of {tmp_path} to be a host of the site mysite, found at" in told
    assert f"the lab of {REPO}; a lab is addressed through inventories/lab of its own clone" in told
    assert "TASK" not in told


def test_the_older_names_of_an_address_count_too(tmp_path: Path, greet: Greet) -> None:
    hosts = {"app1": {"ansible_ssh_host": "127.0.0.1", "ansible_ssh_port": greet(OTHER)}}

    code, told = play(tmp_path, hosts, site_name="mysite")

    assert (code, "the lab of /srv/other clone" in told) == (1, True)


def test_another_server_on_this_machine_may_be_a_site(tmp_path: Path, greet: Greet) -> None:
    _, told = play(tmp_path, {"app1": here(greet(PLAIN))}, site_name="mysite")

    assert "TASK [Touch a host]" in told


def test_a_play_that_stays_on_the_controller_may_read_any_inventory(tmp_path: Path) -> None:
    hosts = {"app1": here(closed_port())}

    assert play(tmp_path, hosts, connection="local")[0] == 0
    assert play(tmp_path, hosts, "--connection=local")[0] == 1


def test_every_inventory_here_names_its_site() -> None:
    for folder in (REPO / "inventories").iterdir():
        named = read_yaml((folder / "group_vars" / "all" / "main.yml").read_text())
        assert named["site_name"] == folder.name


def test_hosts_of_the_lab_greet_with_the_clone_that_made_them() -> None:
    assert spec.greeting() == f"VersionAddendum mita-lab={quote(str(REPO))}\n"


def test_open_connections_of_two_labs_are_apart() -> None:
    """The socket's folder is named after the clone, and short: the path of a socket has 108 bytes at most."""
    argv = [str(VENV / "bin" / "ansible-inventory"), "-i", "inventories/lab", "--host", "app1"]
    done = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=True)
    template = json.loads(done.stdout)["ansible_control_path_dir"]

    assert "lab_clone" in template
    for playbook in ("rollback", "rehearse"):
        text = (REPO / "playbooks" / f"{playbook}.yml").read_text()
        assert 'ansible_control_path: "%(directory)s/r-%%C"' in text


def test_a_play_that_would_not_find_the_roles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"vars": {"site_name": "x"}, "hosts": {"a": {}}}})
    )
    argv = [str(VENV / "bin" / "ansible-playbook"), "-i", "hosts.yml", str(REPO / "playbooks" / "check.yml")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}

    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"expected the configuration {REPO / 'ansible.cfg'}, found none" in " ".join(done.stderr.split())
    assert "TASK" not in done.stdout
