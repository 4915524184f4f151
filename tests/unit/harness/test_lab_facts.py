"""The facts that a lab host is made from."""

from pathlib import Path

import pytest
import yaml

from devtools.errors import UserError
from harness.lab import image, spec
from harness.lab.hosts import HOSTS, host, os_release
from monitoring.exporters import PARTS

MODERN = "CapInh:\t0000000000000000\nCapBnd:\t000001ffffffffff\n"
WITHOUT_SYS_RESOURCE = "CapInh:\t0000000000000000\nCapBnd:\t000001fffeffffff\n"


def test_an_unknown_host_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"\(monitor, app1, app2, data, receivers\), found 'app3'"):
        host("app3")


def test_no_two_hosts_publish_the_same_port() -> None:
    published = [port for each in HOSTS for port in each.ports.values()]

    assert len(published) == len(set(published))


def test_the_lab_runs_debian_13_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_OS", raising=False)
    assert os_release() == "trixie"

    monkeypatch.setenv("LAB_OS", "bookworm")
    assert os_release() == "bookworm"


def test_an_unknown_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_OS", "sid")

    with pytest.raises(UserError, match="LAB_OS to be one of trixie, bookworm, found 'sid'"):
        os_release()


def test_the_bounding_set_tells_whether_limits_may_be_raised() -> None:
    assert spec.may_raise_limits(MODERN)
    assert not spec.may_raise_limits(WITHOUT_SYS_RESOURCE)


@pytest.mark.parametrize("cgroup_v2", [True, False])
def test_every_right_but_the_missing_one_is_given_where_privileged_is_refused(cgroup_v2: bool) -> None:
    options = spec.isolation(cgroup_v2, False, "20.10.24+dfsg1")

    assert "privileged" not in options
    assert (options["cap_add"], options["cap_drop"]) == (["ALL"], ["SYS_RESOURCE"])
    assert options["cgroupns"] == "host"
    assert "/sys/fs/cgroup" in options["volumes"]


def test_an_engine_that_leaves_missing_rights_out_by_itself_is_not_told_to() -> None:
    options = spec.isolation(False, False, "26.1.5+dfsg1")

    assert options["cap_add"] == ["ALL"]
    assert "cap_drop" not in options


def test_a_cgroup_v2_machine_gives_each_host_a_tree_of_its_own() -> None:
    assert spec.isolation(True, True, "26.1.5+dfsg1") == {
        "privileged": True,
        "cgroupns": "private",
    }


def test_a_cgroup_v1_machine_shares_its_tree() -> None:
    options = spec.isolation(False, True, "20.10.24+dfsg1")

    assert options["privileged"] is True
    assert options["cgroupns"] == "host"
    assert options["volumes"] == {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}}


def test_the_image_is_named_after_every_input() -> None:
    files = image.inputs()
    name = image.tag("trixie", ["redis-server"], files)

    others = {
        image.tag("bookworm", ["redis-server"], files),
        image.tag("trixie", ["redis-server", "postgresql"], files),
        image.tag("trixie", ["redis-server"], files[1:]),
    }

    assert name == image.tag("trixie", ["redis-server"], files)
    assert len({name, *others}) == 4


def test_packages_come_from_every_component_each_once(tmp_path: Path) -> None:
    path = tmp_path / "main.yml"
    path.write_text("program_components: {a: {packages: [x, y]}, b: {packages: [x]}}")
    exporters = tmp_path / "exporters"
    exporters.mkdir()
    jobs, program = {"c": {"groups": ["all"], "port": 1}}, {"packages": ["y", "z"], "binaries": {"c": "c"}}
    data = {"jobs": jobs, "program": program, "own": {}, **dict.fromkeys(PARTS)}
    (exporters / "c.yml").write_text(
        yaml.safe_dump({f"__exporter_{part}": each for part, each in data.items()})
    )

    assert image.component_packages(path, exporters) == ["x", "y", "z"]


@pytest.mark.parametrize(
    "text", ["", "other: {}", "program_components: {a: {}}", "program_components: {a: {packages"]
)
def test_a_components_file_without_packages_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "main.yml"
    path.write_text(text)

    with pytest.raises(UserError, match=f"expected program_components: .* in {path}"):
        image.component_packages(path)
