"""A small set of rules and tests of somebody else, and the command `ruletools` over it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.tools import tool
from ruletools import cli, programs

RULES = """\
groups:
  - name: web
    partial_response_strategy: warn
    labels: {team: web}
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - alert: Too Many Errors
        expr: job:errors:rate5m > 1
        for: 2m
        labels: {severity: page}
      - alert: Burn
        expr: job:errors:rate5m > 5
        labels: {window: 1h}
      - alert: Burn
        expr: job:errors:rate5m > 50
        labels: {window: 6h}
"""
TESTS = """\
rule_files: ['../rules/we*.yaml']
tests:
  - interval: 1m
    input_series: [{series: 'errors_total{job="a"}', values: '0+120x20'}]
    alert_rule_test:
      - alertname: Too Many Errors
        eval_time: 10m
        exp_alerts: [{exp_labels: {severity: page, job: a, team: web}}]
      - {alertname: Too Many Errors, eval_time: 0m}
      - {alertname: Burn, eval_time: 10m}
"""


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which the command runs: rules in one folder, tests in another."""
    for name, text in {"rules/web.yaml": RULES, "tests/web.yml": TESTS}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMTOOL", str(tool("promtool")))
    monkeypatch.setattr(programs, "_finders", [programs.installed])
    return tmp_path


@pytest.fixture
def ruletools(foreign: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; without paths over both folders."""

    def run(command: str, *options: str) -> Said:
        given = options if "--rules" in options else (*options, "--rules", "rules", "--tests", "tests")
        status = cli.main([command, *given])
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return run
