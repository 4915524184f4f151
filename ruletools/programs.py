"""promtool and amtool: where they are found, and what they answer. A failed check is an answer, no error."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ruletools.errors import RulesError

Answer = subprocess.CompletedProcess[str]
NAMES = ("promtool", "amtool")
Finder = Callable[[str], Path | str]


def installed(name: str) -> Path:
    """The program that the environment variable of its name (PROMTOOL) names, else the one on PATH."""
    variable = name.upper().replace("-", "_")
    found = shutil.which(os.environ.get(variable) or name)
    if found:
        return Path(found)
    named = f", ${variable} is {os.environ[variable]!r}" if os.environ.get(variable) else ""
    raise RulesError(
        f"expected the program {name}, found none on PATH{named}; install it (it comes with Prometheus and "
        f"Alertmanager, or in the package of its name), or name it with the option --{name} or ${variable}"
    )


_finders: list[Finder] = [installed]


def find_with(finder: Finder) -> None:
    """Programs are looked for with *finder* from now on, for as long as this process lives."""
    _finders[:] = [finder]


def use(given: Mapping[str, str | Path]) -> None:
    """These programs are used instead of what is installed; RulesError names one that cannot be run."""
    if not given:
        return
    paths = {name: _runnable(name, str(path)) for name, path in given.items()}
    find_with(lambda name: paths.get(name) or installed(name))


def _runnable(name: str, path: str) -> Path:
    found = shutil.which(path)
    if found is None:
        raise RulesError(f"--{name}: expected a program that can be run, found {path!r}; name another file")
    return Path(found)


def find(name: str) -> str:
    """The path of a program; RulesError where it is nowhere."""
    [finder] = _finders
    return str(finder(name))


def promtool(*arguments: str | Path) -> Answer:
    """promtool's answer; its words for a person are on both streams."""
    return _run("promtool", arguments)


def promtool_tests(files: Sequence[Path], *, timeout_s: float, program: str = "promtool") -> Answer:
    """promtool's answer on test files, both streams in the order in which it spoke, or TimeoutExpired.

    Its own session: Ctrl-C ends its caller, which waits for it, and not promtool in the middle of a verdict.
    """
    argv = [find(program), "test", "rules", *map(str, files)]
    # Short-lived and small: collecting garbage a quarter as often saves a fifth of the time.
    return subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
        start_new_session=True,
        env={"GOGC": "400", **os.environ},
    )


def amtool(*arguments: str | Path) -> Answer:
    """amtool's answer."""
    return _run("amtool", arguments)


def _run(name: str, arguments: tuple[str | Path, ...]) -> Answer:
    argv = [find(name), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
