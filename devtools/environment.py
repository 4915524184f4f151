"""The Python environment `.venv`: made from pinned requirements, and known to be whole or not.

Only the standard library is used here: it runs before anything is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from devtools import apt
from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import last_words, run, say

REQUIREMENTS = REPO / "requirements.txt"
CONSTRAINTS = REPO / "constraints.txt"
# What `harness lab prepare` imports: installed first, so that it can work while the rest is installed.
FIRST = ("docker", "PyYAML")
_STAMP = "mita-installed"
_IDENTITY = "mita-identity"
_UNFINISHED = "mita-unfinished"


def is_current(venv: Path) -> bool:
    """Whether everything is installed in it that the requirements of this moment ask for."""
    return _is_own(venv) and _read(venv / _STAMP) == wanted() and not (venv / _UNFINISHED).exists()


def begin(venv: Path) -> None:
    """The environment exists and has the few packages that are needed first; it counts as unfinished.

    An installation that was interrupted is thrown away: what pip left half-done cannot be told from whole.
    """
    if (venv / _UNFINISHED).exists() or not _is_own(venv):
        shutil.rmtree(venv, ignore_errors=True)
        create(venv)
        (venv / _IDENTITY).write_text(_identity(venv), encoding="utf-8")
    (venv / _UNFINISHED).touch()
    say("installing the Python packages into .venv (under a minute)")
    _pip(venv, "--timeout=20", "--retries=1", f"--constraint={CONSTRAINTS}", *FIRST)


def finish(venv: Path) -> None:
    """Every requirement and the project's own commands are installed; the environment counts as whole."""
    fingerprint = wanted()
    _pip(venv, f"--constraint={CONSTRAINTS}", f"--requirement={REQUIREMENTS}")
    _install_project(venv)
    _compile(venv)
    (venv / _UNFINISHED).unlink()
    (venv / _STAMP).write_text(fingerprint, encoding="ascii")


def create(venv: Path) -> None:
    """An environment with nothing but pip, made by the Python that runs this."""
    if subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode != 0:
        if not sys.executable.startswith("/usr/bin/"):
            raise UserError(
                f"expected {sys.executable} to have the modules venv and ensurepip, found them missing; "
                "put another python3 (3.11 or newer) first on PATH"
            )
        apt.install([f"python3.{sys.version_info.minor}-venv"])
    run([sys.executable, "-m", "venv", str(venv)])


def lock() -> None:
    """constraints.txt pins what a clean installation of the requirements brings along today."""
    with tempfile.TemporaryDirectory() as directory:
        venv = Path(directory) / "venv"
        create(venv)
        say("installing the requirements into a clean environment")
        _pip(venv, f"--requirement={REQUIREMENTS}")
        frozen = run([str(venv / "bin" / "python"), "-m", "pip", "freeze", "--exclude=pip"])
    heading = "# Every package of the controller's environment, transitive ones too. Made by `make lock`.\n"
    CONSTRAINTS.write_text(heading + frozen, encoding="utf-8")


def wanted(requirements: Path = REQUIREMENTS, constraints: Path = CONSTRAINTS) -> str:
    """A digest of all that decides what is installed."""
    digest = hashlib.sha256(repr(_commands()).encode())
    for file in (*requirement_files(requirements), constraints):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def requirement_files(start: Path) -> Iterator[Path]:
    """A requirements file and those it includes with `-r`."""
    yield start
    for line in start.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from requirement_files(start.parent / line.removeprefix("-r ").strip())


def _compile(venv: Path) -> None:
    """Every program of it starts fast, also where PYTHONDONTWRITEBYTECODE forbids to keep what was compiled.

    On all cores, which pip does not use. A package may carry files for other Pythons: those stay as they are.
    """
    argv = [str(venv / "bin" / "python"), "-m", "compileall", "-qq", "-j0", str(venv / "lib")]
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=False)


def _install_project(venv: Path) -> None:
    """The packages of this repository are importable, and the commands of pyproject.toml are in bin/."""
    python = venv / "bin" / "python"
    site = run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    (Path(site) / "mita-monitoring.pth").write_text(f"{REPO}\n", encoding="utf-8")
    for name, target in _commands().items():
        module, function = target.split(":")
        script = venv / "bin" / name
        script.write_text(
            f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)


def _commands() -> dict[str, str]:
    with (REPO / "pyproject.toml").open("rb") as handle:
        return dict(tomllib.load(handle)["project"]["scripts"])


def _pip(venv: Path, *arguments: str) -> None:
    argv = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-compile", "--no-input", "--quiet"]
    done = subprocess.run([*argv, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise UserError(_pip_gave_up(done.stderr))


def _pip_gave_up(words: str) -> str:
    """pip's own reason; where the index did not answer, that is the reason, whatever it concluded from it."""
    lines = words.splitlines()
    unreachable = [line for line in lines if "connection broken by" in line]
    errors = "\n".join(unreachable[:1] or [line for line in lines if line.startswith("ERROR")])
    return (
        f"expected pip to install the pinned requirements, it gave up: {last_words(errors or words)}\n"
        "check that this machine reaches its package index (`pip config list` shows which), then run it again"
    )


def _is_own(venv: Path) -> bool:
    """Whether it was made here, by this Python: a copied or moved environment has the wrong paths in it."""
    return os.access(venv / "bin" / "python", os.X_OK) and _read(venv / _IDENTITY) == _identity(venv)


def _identity(venv: Path) -> str:
    return f"{venv} {sys.version_info.major}.{sys.version_info.minor}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
