"""The chart has the native files by links, and its package has them as files."""

import gzip
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import rollback
from devtools import chart, pods
from devtools.cluster_tools import cluster_tool
from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from tests.unit.chart.matrix import objects

NATIVE = REPO / "monitoring"
LINKED = ("prometheus.yml", "alertmanager.yml", "blackbox.yml", "rules", "templates", "dashboards")
LARGEST_SECRET = 1_048_576
EXAMPLES = sorted(chart.CHART.glob("values.*.yaml"))


def test_no_native_file_has_a_second_copy() -> None:
    for name in LINKED:
        assert (chart.CHART / "files" / name).readlink() == Path(f"../../../monitoring/{name}")
        assert (chart.CHART / "files" / name).resolve() == NATIVE / name


def test_the_chart_is_of_the_daemons_release() -> None:
    known = read_yaml((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert known["version"] == known["appVersion"] == rollback.__version__
    for file in EXAMPLES:
        values = read_yaml(file.read_text(encoding="utf-8"))
        assert str(values["image"]["tag"]) == rollback.__version__


def test_the_page_of_switches_is_that_of_the_schema() -> None:
    assert chart.PAGE.read_text(encoding="utf-8") == chart.page(), "run `python -m devtools.chart`"


def test_every_switch_stands_in_the_values_and_the_other_way_round() -> None:
    schema = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = read_yaml((chart.CHART / "values.yaml").read_text(encoding="utf-8"))
    names = [
        name for name, _, _ in chart.switches(schema, defaults)
    ]  # a KeyError names what values.yaml lacks
    assert len(names) == len(set(names)) > 90
    assert all(meaning for _, _, meaning in chart.switches(schema, defaults))
    assert set(schema["properties"]) - {"global"} == set(defaults)


@pytest.mark.slow
def test_the_page_names_every_key_of_the_production_values() -> None:
    page = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    table = page.partition("| key | what it is |")[2].partition("```")[0]
    named = {
        key for keys in re.findall(r"^ +\| (.*?) \|", table, re.M) for key in re.findall(r"`(\w+)`", keys)
    }
    mounted = {
        item["key"]
        for one in objects("prod").of(*pods.WORKLOADS)
        for volume in pods.pod(one).get("volumes", [])
        for source in volume.get("projected", {}).get("sources", [])
        for item in source.get("secret", {}).get("items", [])
    }
    assert named == mounted


@pytest.mark.slow
def test_lint_finds_nothing() -> None:
    argv = [str(cluster_tool("helm")), "lint", "--strict", str(chart.CHART), f"--values={EXAMPLES[0]}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_package_stands_alone(tmp_path: Path) -> None:
    argv = [str(cluster_tool("helm")), "package", str(chart.CHART), f"--destination={tmp_path}"]
    subprocess.run(argv, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as packed:
        assert all(member.isfile() for member in packed)
        packed.extractall(tmp_path, filter="data")
    for name in LINKED:
        for file in [NATIVE / name] if (NATIVE / name).is_file() else sorted((NATIVE / name).iterdir()):
            inner = file.relative_to(NATIVE)
            assert (tmp_path / "mita-monitoring" / "files" / inner).read_bytes() == file.read_bytes()
    objects = chart.rendered(EXAMPLES[0], chart=archive)
    assert objects == chart.rendered(EXAMPLES[0])
    # helm keeps chart and objects in one Secret, compressed and in base64
    release = archive.stat().st_size + len(gzip.compress(json.dumps(objects).encode()))
    assert release * 4 / 3 < LARGEST_SECRET / 2
