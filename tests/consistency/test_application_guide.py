"""The guide for a person's own application says what code does: its example is packed, started and asked."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compliance import questions, scraped
from compliance.compliance import State, judge
from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from harness.cli import main
from harness.release import pack, tree
from monitoring import contract
from monitoring.yaml_text import read_yaml
from roles.application.module_utils.mita_app import archive, manifest

GUIDE = (REPO / "docs/application.md").read_text(encoding="utf-8")
COMMAND = next(line for line in GUIDE.splitlines() if line.startswith("harness release pack shop "))
DECIDE = {"http_requests_total", "http_request_duration_seconds_count", "mita_build_info"}


def block(language: str, holding: str) -> str:
    """The one block of code in that language which holds this text."""
    [found] = [each for each in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S) if holding in each]
    return str(found)


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive that the guide's own command makes of the guide's own example."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "server.py").write_text(block("python", "serve_forever"))
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(COMMAND)[1:]) == 0
    return tmp_path / "mita-backend-1.0.0.tar.gz"


def test_example_is_packed_with_the_manifest_that_is_shown_and_can_be_deployed(packed: Path) -> None:
    found = archive.check(
        packed, checksum=archive.sha256(packed), name="mita-backend", version="1.0.0", deploying=True
    )

    assert found == json.loads(block("json", "rollback_safe"))


@contextmanager
def started(release: Path) -> Iterator[str]:
    """The example as the unit starts it; its address."""
    port = free_port()
    launcher = REPO / "roles/application/files/start.py"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(launcher), str(release)],
        env={"PATH": os.environ["PATH"], "MITA_HOST": "127.0.0.1", "MITA_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until("it to listen", lambda: listens(port), deadline_s=30, interval_s=0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_example_serves_what_decides_about_rollbacks(packed: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    subprocess.run(["tar", "-xzf", str(packed), "-C", str(release)], check=True)

    with started(release) as url:
        asked = questions.ask(url, None, "")

    assert asked.ready.version == "1.0.0"
    findings = judge(contract.series(), scraped.parse(asked.metrics), "1.0.0", ())
    assert {each.name for each in findings if each.state is State.THERE} == DECIDE
    assert [each for each in findings if each.state is State.WRONG] == []


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table with that heading: the names in the first cell, with the other cells."""
    table = GUIDE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {name: rest for first, *rest in cells for name in re.findall(r"`(\w+)`", first)}


def test_table_of_series_is_the_contract() -> None:
    listed = {name: re.findall(r"`(\w+)`", rest[0]) for name, rest in rows("series").items()}

    assert listed == {each.name: each.labels for each in contract.series()}
    [buckets] = [each.buckets for each in contract.series() if each.buckets]
    assert f"a bucket at {buckets[0]:g}, one at {buckets[1]:g} and one above" in GUIDE


def test_table_of_the_environment_has_what_the_role_and_the_launcher_set() -> None:
    role = read_yaml((REPO / "roles/application/vars/main.yml").read_text())["__application_variables"]
    launcher = {"MITA_VERSION", "MITA_RELEASE", "RUNTIME_DIRECTORY", "LISTEN_FDS", "LISTEN_PID"}

    listed = set(rows("variable"))

    assert listed == {*role, *launcher}
    assert [
        name for name in listed if not name.startswith(manifest.OURS) and name not in manifest.OURS_TOO
    ] == []


def test_numbers_and_options_of_the_guide_are_those_of_the_code() -> None:
    assert f"more than {tree.MOST_FILES:,} files or more than `--most-mib` ({pack.MOST_MIB})" in GUIDE
    for name in tree.LEFT_OUT:
        assert f"`{name}`" in GUIDE
    specs = read_yaml((REPO / "roles/application/meta/argument_specs.yml").read_text())["argument_specs"]
    inputs = {name for spec in specs.values() for name in spec["options"]}
    assert set(re.findall(r"\bapplication_[a-z_]+", GUIDE)) <= inputs
