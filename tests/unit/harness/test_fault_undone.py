"""A fault is undone after half an inject, in the right order, after a boot, and where a host is away."""

import os
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.errors import UserError
from harness.cli import main
from harness.faults import on_host, truth
from harness.faults.fault import Fault, named
from harness.faults.on_host import HELPERS

FAULT = named("application-away")
Run = Callable[[str, str], tuple[int, str]]


def shell(script: str, **names: str) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/sh", "-euc", script], capture_output=True, text=True, env={**os.environ, **names}
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a host's faults, on this machine."""
    monkeypatch.setattr(on_host, "HOME", str(tmp_path))
    monkeypatch.setattr(on_host, "_run", lambda _, script: shell(script))
    monkeypatch.setattr(truth, "JOURNAL", tmp_path / "journal")
    return tmp_path


def left(home: Path, name: str, at: int, end: str) -> None:
    (home / name).mkdir()
    (home / name / "end").write_text(f"{end}\nrm -r {home}/{name}\n")
    os.utime(home / name, ns=(at, at))


def test_what_came_last_is_undone_first_as_it_kept_what_it_found(home: Path) -> None:
    for at, name in enumerate(("b-second", "c-first", "a-third")):
        left(home, name, at, f"echo {name} >> {home}/done")

    assert on_host.undo_all("monitor", but="a-third") == ["c-first", "b-second"]

    assert (home / "done").read_text().split() == ["c-first", "b-second"]


def test_a_boot_undoes_the_newest_first_and_tries_again_what_needs_a_program_that_starts(home: Path) -> None:
    left(home, "older", 1, f"set -e\necho older >> {home}/done\ntest -e {home}/up")
    left(home, "younger", 2, f"cat > /dev/null; echo younger >> {home}/done; touch {home}/up")
    script = "set +e\n" + on_host.UNDO_ALL.format(home=home)

    assert shell(script)[0] == 0

    assert (home / "done").read_text().split() == ["younger", "older"]
    left(home, "older", 1, f"set -e\ntest -e {home}/again")
    assert shell(f"sleep() {{ touch {home}/again; }}\n{script}")[0] == 0
    assert on_host.left_on("monitor") == []
    left(home, "older", 1, "exit 1")
    assert shell(f"sleep() {{ true; }}\n{script}")[0] == 1


@pytest.mark.parametrize("watches", [True, False], ids=["the host that watches", "the host of the service"])
def test_a_boot_ends_what_was_to_leave_some_minutes_after_its_fault(home: Path, watches: bool) -> None:
    own, place = home / "own", home / "etc" / "targets"
    for folder in (own, place, home / "bin"):
        folder.mkdir(parents=True)
    targets = place / "mita-backend.yml"
    if watches:
        targets.write_text("- {labels: {instance: some, host: some}}\n")
    else:
        place.rmdir()
    helpers = HELPERS.read_text().replace("/etc/prometheus", str(home / "etc"))
    runs = home / "runs"
    runs.touch()
    running = f'[ -e {runs} ] && [ "$3" = some-service ]'
    (own / "helpers.sh").write_text(f"systemctl() {{ {running}; }}\nflock() {{ true; }}\n{helpers}")
    (home / "bin" / "systemd-run").write_text("#!/bin/sh\n")
    (home / "bin" / "systemd-run").chmod(0o700)
    names = {"FAULT": "some", "HOME_OF_FAULTS": str(own), "PATH": f"{home}/bin:{os.environ['PATH']}"}

    assert shell(f". {own}/helpers.sh\nrecovering 8187 100\nrecovering 8187 100", **names) == (0, "")
    assert (own / "some.leaves").exists() and targets.exists() == watches
    runs.unlink()
    assert shell("set +e\n" + on_host.UNDO_ALL.format(home=own)) == (0, "")

    assert not (own / "some.leaves").exists() and not targets.exists()


def test_a_host_that_does_not_answer_keeps_no_other_from_being_mended(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(host: str, script: str) -> tuple[int, str]:
        asked.append(host)
        if host == "app1":
            raise UserError("expected a host")
        return 0, ""

    monkeypatch.setattr(on_host, "_run", run)

    with pytest.raises(UserError, match="app1: expected a host"):
        on_host.undo(FAULT)
    assert asked == ["app2", "app1"]


@pytest.mark.parametrize("error", [UserError("expected a disk"), KeyboardInterrupt(), OSError()])
def test_whatever_ends_an_inject_in_the_middle_it_is_undone(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    undone: list[str] = []

    def inject(host: str, _: Fault) -> None:
        if host == "app2":
            raise error

    def undo(host: str, _: str) -> str:
        undone.append(host)
        return ""

    monkeypatch.setattr(on_host, "_inject", inject)
    monkeypatch.setattr(on_host, "_undo", undo)

    with pytest.raises(type(error)):
        on_host.inject(FAULT)
    assert undone == ["app2", "app1"]


def test_why_it_failed_is_said_also_where_it_cannot_be_undone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "_undo", lambda *_: "it is stuck")

    def fails() -> None:
        raise UserError("expected a release")

    with pytest.raises(UserError, match=r"(?s)expected a release.*it is stuck"):
        on_host.inject(replace(FAULT, name="some"), first=fails)


@pytest.mark.parametrize("fails", [False, True])
def test_a_program_is_there_once_for_all_who_need_it_and_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(on_host, "inject", lambda fault: done.append(f"{fault.name} begins"))
    monkeypatch.setattr(on_host, "undo", lambda fault: done.append(f"{fault.name} ends"))
    batch = [FAULT, *(named(name) for name in ("nginx-crowded", "nginx-stopped", "mailer-gone"))]

    with pytest.raises(UserError) if fails else nullcontext(), on_host.needed(batch):
        done.append("played")
        if fails:
            raise UserError("expected a lab")

    begun = ["program-nginx begins", "program-process begins"]
    assert done == [*begun, "played", "program-process ends", "program-nginx ends"]


def test_what_faults_share_is_never_half_there_as_another_may_read_it_just_then(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []

    def copy(_: str, files: dict[str, str]) -> None:
        for path, text in files.items():
            copied.append(path)
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(text)

    monkeypatch.setattr(on_host, "_copy", copy)
    monkeypatch.setattr(on_host, "BOOT_UNIT", f"{home}/unit")
    (home / "bin").mkdir()
    for program in ("systemctl", "systemd-run"):
        (home / "bin" / program).write_text("#!/bin/sh\n")
        (home / "bin" / program).chmod(0o700)
    monkeypatch.setenv("PATH", f"{home}/bin:{os.environ['PATH']}")
    one = replace(FAULT, hosts=("app1",), inject=f"echo done > {home}/done", undo="back none")

    on_host.inject(one)

    shared = {home / "helpers.sh", home / "at-boot", home / "unit"}
    assert not {str(path) for path in shared} & {*copied}
    assert all(path.exists() for path in shared) and (home / "done").exists()
    on_host.undo(one)
    assert {path for path in home.iterdir() if path.is_file()} - shared == {home / "done", home / "journal"}


def test_a_program_stays_as_long_as_another_fault_is_there_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"mailer-gone", "importer-restarting", "program-process"}
    monkeypatch.setattr(on_host, "left_on", lambda host: sorted(there) if host == "data" else [])
    monkeypatch.setattr(on_host, "undo", lambda fault: there.remove(fault.name))

    assert main(["fault", "undo", "mailer-gone"]) == 0
    assert there == {"importer-restarting", "program-process"}
    assert main(["fault", "undo", "importer-restarting"]) == 0
    assert not there


def helped(home: Path, script: str, **programs: str) -> tuple[int, str]:
    """What a script says that has the helpers, and these programs instead of the host's."""
    (home / "bin").mkdir(exist_ok=True)
    for name, text in programs.items():
        path = home / "bin" / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    names = {"FAULT": "some", "HOME_OF_FAULTS": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    return shell(f". {HELPERS}\n{script}", **names)


def test_a_setting_that_redis_did_not_tell_is_not_put_back(home: Path) -> None:
    refused = helped(home, "redis_set maxmemory 5", redis_cli="echo NOAUTH Authentication required", sed="")

    assert refused[0] and "expected Redis to say what maxmemory is" in refused[1]
    assert helped(home, "redis_back maxmemory", redis_cli="exit 1")[0] == 0


def test_a_setting_is_put_back_as_soon_as_redis_has_a_place(home: Path) -> None:
    (home / "some.maxclients").write_text("100\n")
    full = (
        f'[ -e {home}/full ] && echo OK || {{ touch {home}/full; echo "ERR max number of clients"; exit 1; }}'
    )

    assert helped(home, "redis_back maxclients", redis_cli=full, sed="") == (0, "")
    assert not (home / "some.maxclients").exists()


def test_what_postgresql_refuses_is_no_fault_and_no_end_of_one(home: Path) -> None:
    psql = 'case " $* " in *" ON_ERROR_STOP=1 "*) cat > /dev/null; exit 3;; esac'

    assert helped(home, "sql 'grant nothing'", su='shift 3; exec sh -c "$2"', psql=psql)[0] == 3


def test_targets_that_were_there_before_are_not_removed(home: Path) -> None:
    text = HELPERS.read_text().replace("/etc/prometheus/targets", str(home))
    (home / "nginx.yml").write_text("[]")
    names = {"FAULT": "some", "HOME_OF_FAULTS": str(home)}
    begin = f"chgrp() {{ true; }}\n{text}\n"

    assert shell(f"{begin}target_file nginx '['", **names)[0]
    assert shell(f"{begin}no_target_file nginx", **names)[0] == 0
    assert (home / "nginx.yml").exists()

    assert (
        shell(f"{begin}target_file mysqld '['\nno_target_file mysqld\nno_target_file mysqld", **names)[0] == 0
    )
    assert not (home / "mysqld.yml").exists()


@pytest.mark.parametrize(("state", "done"), [("exit 0", "kill"), ("exit 3", "restart")])
def test_a_program_that_could_not_start_with_what_it_was_told_is_started(
    home: Path, state: str, done: str
) -> None:
    systemctl = f'case "$*" in *is-active*) {state};; *) echo "$1";; esac'

    assert helped(home, "read_again alertmanager", systemctl=systemctl)[1].split()[-1] == done


def test_half_a_copy_is_never_put_back(home: Path) -> None:
    (home / "file").write_text("whole")

    assert helped(home, f"keep {home}/file", cp='echo half > "$3"; exit 1')[0]
    (home / "bin" / "cp").unlink()
    assert helped(home, f"back {home}/file")[0] == 0
    assert (home / "file").read_text() == "whole"


def test_what_a_program_put_in_place_is_gone_and_what_the_host_has_stays(home: Path) -> None:
    text = HELPERS.read_text().replace("/var/tmp", str(home)).replace("/run/systemd/system", str(home))
    names = {"FAULT": "some", "HOME_OF_FAULTS": str(home)}
    begin = f"systemctl() {{ echo $* >> {home}/asked; }}\n{text}\n"
    (home / "own").write_text("")
    (home / "some").mkdir()

    assert shell(f"{begin}service web 'web -q' User=daemon\nput web.service {home}/own", **names)[0]
    unit = (home / "web.service").read_text().split("\n")
    assert unit == ["[Service]", f"ExecStart={home}/some/web -q", "User=daemon", ""]

    assert shell(f"{begin}no_program\nno_program\nstarted_again web", **names) == (0, "")
    assert {path.name for path in home.iterdir()} == {"own", "asked"}
    assert [line for line in (home / "asked").read_text().splitlines() if " web" in line] == [
        "start web",
        "-q is-active web.service",
        "stop web.service",
        "reset-failed web.service",
    ]
