"""Faults as data: what is none is named, and what is one can be read by a shell."""

import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from devtools.errors import UserError
from harness.faults.fault import CATALOGUE, faults, named, programs
from harness.faults.on_host import HELPERS

GOOD = "{kill: It stops., proves: [HostDown], hosts: [app2], batch: kills, inject: stop it, undo: start it}"

RELEASE = "{release: It fails., proves: [CriticalErrorRate], deploys: error-ratio=0.35, batch: releases}"


def written(tmp_path: Path, *entries: str) -> Path:
    for number, entry in enumerate(entries):
        (tmp_path / f"{number}.yml").write_text(f"gone: {entry}\n")
    return tmp_path


def test_a_fault_has_what_it_says_and_lasts_ten_minutes(tmp_path: Path) -> None:
    fault = faults(written(tmp_path, GOOD))["gone"]

    assert (fault.does, fault.proves, fault.hosts, fault.lasts_s) == (
        "It stops.",
        ("HostDown",),
        ("app2",),
        600,
    )
    assert fault.may == () and fault.holds == "true"
    assert fault.is_about({"alertname": "HostDown", "service": "node"})
    assert not fault.is_about({"alertname": "RedisDown"})


def test_a_fault_with_a_service_of_its_own_proves_alerts_about_that_one_alone(tmp_path: Path) -> None:
    fault = faults(written(tmp_path, GOOD.replace("hosts:", "service: mita-other, hosts:")))["gone"]

    assert fault.is_about({"alertname": "HostDown", "service": "mita-other"})
    assert not fault.is_about({"alertname": "HostDown", "service": "mita-backend"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("kill", "expected a fault, found 'kill'"),
        (GOOD.replace("It stops.", "It stops"), "full stop"),
        (GOOD.replace("undo", "undone"), "expected one of release"),
        (GOOD.replace("kill: It", "slay: It"), "expected one of release"),
        (GOOD.replace("undo: start it", "undo: ''"), "expected one of release"),
        (GOOD.replace("[HostDown]", "HostDown"), "a list of names, found 'HostDown'"),
        (GOOD.replace("[app2]", "[2]"), "a list of names"),
        (
            GOOD.replace("batch", "lasts: soon, batch"),
            "a duration such as 5m in `lasts` or `after`, found 'soon'",
        ),
        (GOOD.replace("batch", "hours: [20, 6], batch"), "such as [6, 20] in `hours`, found [20, 6]"),
        (GOOD.replace("batch", "hours: 6, batch"), "such as [6, 20] in `hours`, found 6"),
        ("{", "expected YAML"),
        (RELEASE.replace("deploys: error-ratio=0.35, ", ""), "expected one of release"),
        (RELEASE.replace("0.35", "many"), "a release's fault, or healthy, in `deploys`"),
        (
            GOOD.replace("batch", "needs: apache, batch"),
            "one of nginx, mariadb, pushgateway, process in `needs`",
        ),
    ],
)
def test_what_is_no_fault_is_named(tmp_path: Path, wrong: str, says: str) -> None:
    with pytest.raises(UserError, match=r"0\.yml") as error:
        faults(written(tmp_path, wrong))
    assert says in str(error.value)


def test_what_is_alone_may_be_beside_a_batch_that_there_is(tmp_path: Path) -> None:
    both = GOOD.replace("batch", "alone: true, beside: [kills], batch")
    assert faults(written(tmp_path, both))["gone"].beside == ("kills",)

    for wrong, says in (
        (both.replace("[kills]", "[nothing]"), "a batch (kills), found nothing"),
        (both.replace("alone: true, ", ""), "what is alone"),
    ):
        faults.cache_clear()
        with pytest.raises(UserError) as error:
            faults(written(tmp_path, wrong))
        assert says in str(error.value)


def test_a_release_needs_no_host_and_follows_a_fault_of_its_batch(tmp_path: Path) -> None:
    fault = faults(written(tmp_path, RELEASE))["gone"]
    assert (fault.deploys, fault.hosts, fault.inject, fault.undo) == ("error-ratio=0.35", (), "true", "true")

    for batch, before, error in (
        ("releases", "gone", None),
        ("others", "gone", "of its own batch, found 'gone'"),
        ("releases", "nobody", "of its own batch, found 'nobody'"),
    ):
        following = RELEASE.replace("releases", f"{batch}, follows: {before}")
        (tmp_path / "1.yml").write_text(f"next: {following}\n")
        faults.cache_clear()
        with pytest.raises(UserError, match=error) if error else nullcontext():
            assert faults(tmp_path)["next"].follows == "gone"


def test_two_faults_of_one_name_and_a_name_of_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the same name twice"):
        faults(written(tmp_path, GOOD, GOOD))
    with pytest.raises(UserError, match=r"expected a fault of the catalogue .*host-silent.*found 'none'"):
        named("none")


@pytest.mark.parametrize("entry", ["up", "{hosts: [data], up: start it}", "{hosts: data, up: a, down: b}"])
def test_what_is_no_program_is_named(tmp_path: Path, entry: str) -> None:
    (tmp_path / "programs.yml").write_text(f"apache: {entry}\n")

    with pytest.raises(UserError, match="apache: expected"):
        programs(tmp_path / "programs.yml")


def test_a_program_outlives_the_faults_that_need_it() -> None:
    needing = [(fault, fault.needs) for fault in faults().values() if fault.needs]

    assert {program.name for _, program in needing} == {one.name for one in programs().values()}
    assert all(fault.lasts_s < program.lasts_s for fault, program in needing)
    assert not {one.name for one in programs().values()} & faults().keys()


@pytest.mark.parametrize("name", sorted(faults()))
def test_every_script_of_the_catalogue_can_be_read_by_a_shell(name: str) -> None:
    fault = faults(CATALOGUE)[name]
    own = (fault.needs.inject, fault.needs.undo) if fault.needs else ()

    for script in (fault.inject, fault.holds, fault.undo, *own):
        whole = f"{HELPERS.read_text()}\n{script}"
        done = subprocess.run(["/bin/sh", "-n"], input=whole, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


BOTH_CAUSE = {
    ("transactions-rolled-back", "transactions-locked"): "of each deadlock one transaction is rolled back",
    ("redis-flapping", "postgresql-flapping"): "the application is not ready without either",
    ("release-slow", "release-failing"): "the second begins when the first is over",
}
"""A fault, and another of its batch that may cause what it proves: nobody can tell whose doing it was."""


def test_no_fault_is_proven_by_another_of_its_batch() -> None:
    every = faults(CATALOGUE).values()
    found = {
        (one.name, other.name)
        for one in every
        for other in every
        if one is not other
        and one.batch == other.batch
        and (
            {*one.proves} & {*other.proves}
            or (one.service in ("", other.service) and {*one.proves} & {*other.may})
        )
    }

    assert found == BOTH_CAUSE.keys()
