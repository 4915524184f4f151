"""The runner says how each step went and never turns a failure green."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.checks import cli, runner, steps
from devtools.checks.steps import Step

JUNIT = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><error/></testcase>
<testcase name="d"><skipped message="no archive named"/></testcase>
<testcase name="e"><skipped message="no archive named"/></testcase>
</testsuite></testsuites>"""


def _python(name: str, code: str, report: Path | None = None) -> Step:
    return Step(name, (sys.executable, "-c", code), report)


def test_junit_is_counted_with_the_reasons_for_skipping() -> None:
    assert runner.read_junit(JUNIT) == (1, 2, Counter({"no archive named": 2}))


def test_a_failing_step_fails_the_run_and_shows_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = _python("good", "print('quiet')"), _python("bad", "print('the reason'); raise SystemExit(3)")

    status = runner.sum_up(runner.run_together([good, bad]))

    printed = capsys.readouterr().out
    assert status == 1
    assert "the reason" in printed
    assert "quiet" not in printed
    assert printed.endswith("failed: bad\n1 passed, 1 failed, 0 skipped\n")


def test_the_last_line_of_a_step_that_tells_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    runner.run_together([replace(_python("mutants", "print('a'); print('12 killed')"), tells=True)])

    assert capsys.readouterr().out.rstrip().endswith(" s: 12 killed")


@pytest.mark.parametrize(
    ("words", "which"),
    [([], "mutants of changed rules"), (["--full"], "mutants"), (["--offline"], None), (["--fast"], None)],
)
def test_which_mutants_a_run_tries(
    words: list[str], which: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Step] = []

    def note(wanted: Iterable[Step], **_how: int) -> list[runner.Outcome]:
        ran.extend(wanted)
        return []

    monkeypatch.setattr(runner, "run_together", note)
    monkeypatch.setattr(runner, "run_live", note)
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers(), bring_up_lab=lambda: None)
    arguments = parser.parse_args(["test", *words])

    arguments.run(arguments)

    assert [step.name for step in ran if step.name.startswith("mutants")] == ([which] if which else [])


def test_green_steps_give_zero() -> None:
    assert runner.sum_up(runner.run_together([_python("good", "pass")])) == 0


def test_a_test_run_that_ends_badly_without_a_failed_test_is_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    code = f"open({str(report)!r}, 'w').write('<testsuite><testcase/></testsuite>'); raise SystemExit(3)"

    [outcome] = runner.run_together([_python("tests", code, report)])

    assert (outcome.ok, outcome.passed, outcome.failed) == (False, 1, 1)


def test_an_old_report_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(JUNIT)

    [outcome] = runner.run_together([_python("tests", "raise SystemExit(2)", report)])

    assert (outcome.passed, outcome.failed) == (0, 1)


def test_reasons_to_skip_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    step = _python("tests", "pass")

    runner.sum_up([runner.Outcome(step, True, 1.0, passed=3, skipped=Counter({"no archive named": 2}))])

    assert capsys.readouterr().out == "skipped 2: no archive named\n3 passed, 0 failed, 2 skipped\n"


def test_every_file_of_tests_is_run_by_exactly_one_step() -> None:
    reporting = [
        step
        for step in (
            *steps.without_lab(every=True),
            *steps.on_scratch_hosts(every=True),
            *steps.on_lab(every=True),
        )
        if step.report
    ]
    argued = [Path(word) for step in reporting for word in step.argv if word.startswith("tests/")]
    run = [file for path in argued for file in ([path] if path.suffix else path.rglob("test_*.py"))]

    assert sorted(run) == sorted(Path("tests").rglob("test_*.py"))


def test_what_takes_minutes_begins_first_and_nothing_is_left_out() -> None:
    together = [*steps.without_lab(every=False), *steps.on_scratch_hosts(every=False)]

    ordered = [step.name for step in steps.longest_first(together)]

    assert ordered[: len(steps.MINUTES)] == [f"tests/{name}" for name in steps.MINUTES]
    assert sorted(ordered) == sorted(step.name for step in together)


@pytest.mark.parametrize(("every", "which"), [(False, "hard"), (True, "hard or long")])
def test_what_is_hard_has_the_machine_and_only_the_walk_gives_way(every: bool, which: str) -> None:
    kills, walk = steps.hard(every=every)

    assert kills.argv[-3:] == ("-m", which, "tests/contract") and kills.argv[0] == sys.executable
    assert walk.argv[-3:] == ("-m", which, "tests/unit") and walk.argv[:3] == ("nice", "-n", "19")
