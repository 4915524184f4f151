"""From a fresh clone to `.venv/bin/harness`: standard library only, since nothing is installed when it runs.

`python3 -m devtools.bootstrap` makes the Python environment; with `--lab` it also brings up what the lab
needs (engine and image) while pip is at work, because each takes as long as the other.
"""

import argparse
import subprocess
import sys

from devtools import environment
from devtools.errors import UserError
from devtools.paths import REPO, VENV
from devtools.system import say


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 if everything asked for is there, 1 with a sentence on the terminal if not."""
    parser = argparse.ArgumentParser(prog="devtools.bootstrap", description=__doc__)
    parser.add_argument("--lab", action="store_true", help="prepare the lab's engine and image as well")
    parser.add_argument("--lock", action="store_true", help="only write constraints.txt anew")
    arguments = parser.parse_args(argv)
    try:
        environment.lock() if arguments.lock else _bootstrap(lab=arguments.lab)
    except UserError as error:
        sys.stderr.write(f"make: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nmake: interrupted; run the same again to go on\n")
        return 130
    return 0


def _bootstrap(*, lab: bool) -> None:
    ready = environment.is_current(VENV)
    if lab:
        _check_machine(first_run=not ready)
    if ready:
        return
    environment.begin(VENV)
    preparing = _prepare_lab() if lab else None
    try:
        environment.finish(VENV)
    except UserError:
        _give_up(preparing)
        raise
    if preparing and preparing.wait() != 0:
        raise UserError("the lab could not be prepared; the reason is above")


def _check_machine(*, first_run: bool) -> None:
    """End here with the lab's own sentence where something would stop it half an hour later."""
    which = ["--first-run"] if first_run else []
    argv = [sys.executable, "-m", "harness.lab.preflight", *which]
    if subprocess.run(argv, cwd=REPO).returncode != 0:
        sys.exit(1)


def _prepare_lab() -> subprocess.Popen[bytes]:
    say("preparing the lab's engine and image meanwhile")
    return subprocess.Popen([VENV / "bin" / "python", "-m", "harness.cli", "lab", "prepare"], cwd=REPO)


def _give_up(preparing: subprocess.Popen[bytes] | None) -> None:
    """Nothing goes on behind the back of somebody who was told that it failed."""
    if preparing:
        preparing.terminate()
        preparing.wait()


if __name__ == "__main__":
    sys.exit(main())
