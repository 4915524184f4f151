"""Which batches of faults are played at the same time."""

from dataclasses import replace

import pytest

from harness.faults.fault import Fault, faults
from harness.incident.patience import firing_s
from harness.proof.batch import MOST_FAULTS
from harness.proof.waves import changed, disturb, waves
from monitoring.catalog import load
from ruletools.house.files import RULES

FIRST = replace(
    faults()["host-silent"], name="first", batch="one", proves=("A",), may=(), hosts=("app1",), inject="true"
)
SECOND = replace(FIRST, name="second", batch="two", proves=("B",))


def played(*batch: Fault) -> list[list[str]]:
    """The waves of faults that are in batches of their own; the later ones take longer."""
    return waves(
        {one.batch: [one] for one in batch},
        {alert: at for at, one in enumerate(batch) for alert in one.proves},
    )


def test_batches_that_have_nothing_to_do_with_each_other_are_one_wave_the_longest_first() -> None:
    assert played(FIRST, SECOND) == [["two", "one"]]


def test_what_nobody_could_tell_apart_is_played_one_after_the_other() -> None:
    for other in (
        replace(SECOND, may=("A",)),
        replace(SECOND, proves=("A", "B")),
        replace(SECOND, alone=True),
    ):
        assert len(played(FIRST, other)) == 2
        assert disturb(other, FIRST)


def test_alerts_of_one_name_about_services_of_two_faults_own_are_told_apart() -> None:
    here, there = replace(FIRST, service="here"), replace(SECOND, may=("A",), service="there")

    assert not disturb(here, there) and not disturb(there, here)
    assert disturb(here, replace(there, service="here"))
    assert disturb(here, replace(there, proves=("A",)))
    assert disturb(FIRST, there) and disturb(there, FIRST)


def test_two_faults_that_put_the_same_file_back_are_apart_on_one_host_only() -> None:
    kept, target = (
        replace(FIRST, inject="keep /etc/prometheus/targets/redis.yml"),
        replace(SECOND, inject="if true; then\n  target redis 127.0.0.1:9 redis\nfi"),
    )

    assert changed(kept) == changed(target) == {"redis"}
    assert disturb(kept, target)
    assert not disturb(kept, replace(target, hosts=("app2",)))


def test_what_deploys_is_played_last() -> None:
    release = replace(FIRST, deploys="healthy", alone=True, batch="releases", proves=("C",))

    assert played(SECOND, release) == [["two"], ["releases"]]


def test_a_unit_that_one_stops_and_another_starts_anew_is_one_thing() -> None:
    stopped, restarted = (
        replace(FIRST, inject="systemctl stop rollback"),
        replace(SECOND, inject="keep x\nsystemctl restart rollback"),
    )

    assert disturb(stopped, restarted)
    assert not changed(replace(FIRST, inject="true # to keep the rest, systemctl stop nothing"))


def test_each_command_of_a_line_counts_and_what_a_program_brings() -> None:
    several = replace(
        FIRST, inject="systemctl stop a; while systemctl restart importer; do keep /etc/x.yml; done"
    )

    assert changed(several) == {"a", "importer", "x"}
    assert changed(faults()["nginx-crowded"]) >= {"nginx", "nginx.conf"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("targets-unreadable", "mailer-gone"),  # of another program
        ("targets-unreadable", "nginx-stopped"),
        ("prometheus-misled", "rule-broken"),
        ("prober-misled", "certificates-ending"),
        ("database-damaged", "message-refused"),
    ],
)
def test_what_one_needs_whole_while_the_other_breaks_it_is_apart(one: str, other: str) -> None:
    first, second = (replace(faults()[name], alone=False) for name in (one, other))

    assert disturb(first, second) is (other != "mailer-gone")


def test_what_is_alone_is_beside_the_batches_that_it_names_and_no_others() -> None:
    alone = replace(FIRST, alone=True, beside=("two",))
    third = replace(SECOND, name="third", batch="three", proves=("C",))

    assert not disturb(alone, SECOND) and not disturb(SECOND, alone)
    assert disturb(alone, third) and disturb(third, alone)
    assert disturb(alone, replace(SECOND, alone=True)), "the other one has its say"


def test_every_batch_of_the_catalogue_is_in_one_wave_and_a_release_has_its_own() -> None:
    batches: dict[str, list[Fault]] = {}
    for fault in faults().values():
        batches.setdefault(fault.batch, []).append(fault)

    rules = {rule.name: rule for rule in load(RULES)}
    found = waves(
        batches, {name: firing_s(rules[name], 15) for fault in faults().values() for name in fault.proves}
    )

    assert sorted(name for wave in found for name in wave) == sorted(batches)
    assert ["releases"] in found
    assert any({"burns", "emptied", "hours", "patient"} == {*wave} for wave in found), "beside each other"
    assert max(sum(len(batches[name]) for name in wave) for wave in found) > 2 * MOST_FAULTS
