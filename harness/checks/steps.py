"""Which checks there are. A step whose subject does not exist is left out and said so."""

import sys
from dataclasses import dataclass
from pathlib import Path

from harness.paths import REPO, REPORTS_DIR, VENV


@dataclass(frozen=True)
class Step:
    """One program whose exit status says whether something is right; pytest also writes a report."""

    name: str
    argv: tuple[str, ...]
    report: Path | None = None


def lint() -> list[Step]:
    """Style, structure and types, the slow ones first so that two cores end together."""
    return [
        _program("ansible-lint", "--offline", "-q", "--nocolor"),
        _program("mypy"),
        _program("yamllint", "--strict", "."),
        _program("lint-imports"),
        _program("ruff", "check", "."),
        Step("ruff format", (str(VENV / "bin" / "ruff"), "format", "--check", ".")),
    ]


def fast() -> list[Step]:
    """All that needs no lab host and no engine."""
    tests = ("unit", "contract", "rules", "consistency")
    return [step for step in map(pytest, tests) if step] + lint()


def on_lab() -> list[Step]:
    """What needs the lab hosts; one after the other, for they share them."""
    return [step for step in map(pytest, ("roles", "e2e")) if step]


def pytest(folder: str) -> Step | None:
    """The tests of one folder; None where it has none."""
    path = REPO / "tests" / folder
    if not any(path.rglob("test_*.py")):
        return None
    report = REPORTS_DIR / f"{folder}.xml"
    argv = (sys.executable, "-m", "pytest", "--quiet", f"--junitxml={report}", str(path.relative_to(REPO)))
    return Step(f"tests/{folder}", argv, report)


def _program(name: str, *arguments: str) -> Step:
    return Step(name, (str(VENV / "bin" / name), *arguments))
