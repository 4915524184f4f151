"""What managed_service decides to do."""

from dataclasses import replace

import pytest

from roles.program.module_utils.mita_service.disk import Found, as_found
from roles.program.module_utils.mita_service.manifest import Entry, Manifest, finished
from roles.program.module_utils.mita_service.model import Apply, File, Service
from roles.program.module_utils.mita_service.plan import Plan, make_plan

CONFIG = File(path="/etc/x/x.yml", content="a: 1\n", owner="root", group="x", mode=0o640)
TARGETS = replace(CONFIG, path="/etc/x/targets/node.yml", apply=Apply.WATCHED)
UNIT = replace(CONFIG, path="/etc/systemd/system/x.service", apply=Apply.RESTART)
SERVICE = Service(name="x", files=(CONFIG, TARGETS, UNIT), restart_token="1")
CONVERGED = {file.path: as_found(file) for file in SERVICE.files}


def plan(
    service: Service = SERVICE,
    found: dict[str, Found | None] | None = None,
    manifest: Manifest | None = None,
) -> Plan:
    return make_plan(service, {**CONVERGED, **(found or {})}, manifest or finished(SERVICE))


def test_bare_host_gets_every_file_and_a_restart() -> None:
    made = make_plan(SERVICE, dict.fromkeys(CONVERGED), Manifest())

    assert made.writes == SERVICE.files
    assert made.action is Apply.RESTART and made.touches_units


def test_converged_host_needs_nothing() -> None:
    assert not plan().changes


@pytest.mark.parametrize(
    "change", [{"content": b"a: 2\n"}, {"mode": 0o644}, {"owner": "nobody"}, {"group": "nogroup"}]
)
def test_any_difference_on_disk_is_mended_and_told(change: dict[str, object]) -> None:
    made = plan(found={CONFIG.path: replace(as_found(CONFIG), **change)})  # type: ignore[arg-type]

    assert made.writes == (CONFIG,)
    assert made.action is Apply.RELOAD


def test_file_that_was_written_but_not_confirmed_is_told_again() -> None:
    cut_off = finished(SERVICE)
    cut_off.files[CONFIG.path] = Entry(digest=None, apply=Apply.RELOAD)

    made = plan(manifest=cut_off)

    assert made.writes == () and made.action is Apply.RELOAD


def test_new_restart_token_restarts() -> None:
    assert plan(replace(SERVICE, restart_token="2")).action is Apply.RESTART


def test_file_that_left_the_list_is_removed_and_a_strangers_file_is_not() -> None:
    made = plan(replace(SERVICE, files=(CONFIG, UNIT)), found={"/etc/x/site-own.yml": as_found(CONFIG)})

    assert made.prunes == (TARGETS.path,)


def test_file_that_left_the_list_and_the_disk_is_only_forgotten() -> None:
    made = plan(replace(SERVICE, files=(TARGETS, UNIT)), found={CONFIG.path: None})

    assert made.prunes == () and made.action is Apply.RELOAD


def test_watched_file_alone_needs_no_reload() -> None:
    made = plan(found={TARGETS.path: None})

    assert made.writes == (TARGETS,) and made.action is Apply.NONE
    assert made.split()[0].writes == (TARGETS,)


def test_watched_files_change_only_after_a_reload() -> None:
    gone = replace(TARGETS, path="/etc/x/targets/gone.yml")
    known = finished(replace(SERVICE, files=(*SERVICE.files, gone)))
    before, after = plan(
        found={CONFIG.path: None, TARGETS.path: None, gone.path: as_found(gone)}, manifest=known
    ).split()

    assert (before.writes, before.prunes) == ((CONFIG,), ())
    assert (after.writes, after.prunes) == ((TARGETS,), (gone.path,))


def test_restart_reads_watched_files_anyway() -> None:
    before, after = plan(found={UNIT.path: None, TARGETS.path: None}).split()

    assert set(before.writes) == {UNIT, TARGETS} and not after.writes


def test_a_unit_that_is_written_is_named() -> None:
    made = plan(found={UNIT.path: None})

    assert made.writes_unit("x.service") and not made.writes_unit("y.timer")
