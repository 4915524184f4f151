"""What docs/railway.md has people write is taken by what reads it."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import chart, pods
from devtools.paths import REPO
from devtools.tools import tool
from monitoring.yaml_text import read_yaml
from rollback.adapters import railway
from rollback.settings import parse
from tests.consistency.test_one_set_of_files import compose
from tests.unit.chart.matrix import SMALL

pytestmark = pytest.mark.slow
PAGE = (REPO / "docs" / "railway.md").read_text(encoding="utf-8")
FENCED = re.compile(r"```yaml\n# ([^\n]+)\n(.*?)```", re.DOTALL)
BLOCKS = {name: read_yaml(text) for name, text in FENCED.findall(PAGE)}
EXECUTOR: dict[str, Any] = BLOCKS["site.yml"]["rollback_settings"]["executor"]


def test_the_daemon_takes_the_executor() -> None:
    settings = parse(yaml.safe_dump({"executor": EXECUTOR}), "railway.md")
    assert settings.executor.argv == EXECUTOR["argv"]


def test_the_container_writes_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(yaml.safe_dump(BLOCKS["site.yml"]), encoding="utf-8")
    files = compose(tmp_path, f"--extra-vars=@{tmp_path / 'site.yml'}")
    (job,) = (
        one
        for one in read_yaml(files["prometheus.yml"])["scrape_configs"]
        if one["job_name"] == "mita-backend"
    )
    assert job["scheme"] == "https"
    assert job["authorization"] == {"credentials_file": "/etc/prometheus/secrets/metrics_token"}
    assert files["secrets/metrics_token"].strip() == "THE METRICS_TOKEN OF STEP 1"
    settings = parse(files["settings.yml"], "settings.yml")
    assert settings.executor.argv == EXECUTOR["argv"]
    assert settings.probes["mita-backend"] == {"backend": "https://api.mita.finance/health/ready"}


@pytest.mark.parametrize("which", ["argv", "rehearsal_argv"])
def test_the_program_takes_its_arguments(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the token, which is not here."""
    interpreter, isolated, program, *given = EXECUTOR[which]
    assert (interpreter, isolated, program) == ("python3", "-P", "/mita/rollback/adapters/railway.py")
    assert railway.main(given) == 1
    assert "expected a token in /run/secrets/railway_token, found" in capsys.readouterr().err
    assert ("--rehearse" in given) == (which == "rehearsal_argv")


def test_promtool_takes_the_chart_for_railway(tmp_path: Path) -> None:
    values = read_yaml(SMALL.read_text(encoding="utf-8"))
    del values["prometheus"]["discovery"]
    values["prometheus"] |= BLOCKS["values of the chart"]["prometheus"]
    planted = pods.secret("mita-monitoring", {"metrics_token": "planted"})
    found = pods.Objects([*chart.rendered(values=values), planted])
    pod = pods.pod(found.get("StatefulSet", "mita-monitoring-prometheus"))
    files = found.volume(pod, "config")
    files["prometheus.yml"] = files["prometheus.yml"].replace(b"/etc/prometheus", str(tmp_path).encode())
    pods.write(files, tmp_path)
    argv = [str(tool("promtool")), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = (
        one
        for one in read_yaml(files["prometheus.yml"])["scrape_configs"]
        if one["job_name"] == "mita-backend"
    )
    assert job["scheme"] == "https"
    assert "mita-backend.railway.app:443" in files["targets/mita-backend.yml"].decode()
