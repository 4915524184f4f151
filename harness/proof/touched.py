"""Which alerts a change touches: by their rules and tests, their runbooks, their faults, and their routes."""

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults.fault import CATALOGUE, PROGRAMS, faults
from harness.faults.on_host import HELPERS
from monitoring.catalog import Alert
from monitoring.yaml_text import read_yaml
from ruletools.errors import RulesError
from ruletools.house.changed import changed_since
from ruletools.house.files import RUNBOOKS

EVERYBODYS = ("monitoring/alertmanager.yml", "monitoring/templates/", "monitoring/slo.yml")
"""What changes the way of every alert."""


def touched_since(revision: str, rules: Mapping[str, Alert]) -> list[str]:
    """The alerts to prove again after what has changed since a revision; UserError where there is none."""
    try:
        changed = changed_since(revision)
    except RulesError as error:
        raise UserError(str(error)) from error
    new = _git("ls-files", "-z", "--others", "--exclude-standard")
    paths = (_git("diff", "-z", "--name-only", revision, "--") + new).split("\0")
    return touched(rules, changed, paths, lambda path: _git("show", f"{revision}:{path}", missing=""))


def touched(
    rules: Iterable[str], changed: set[str], paths: Sequence[str], then: Callable[[str], str]
) -> list[str]:
    """Of these alerts those with a changed rule or test, and those that changed files are about.

    `then` gives the text that a file had; nothing where it was not there.
    """
    if any(path.startswith(EVERYBODYS) for path in paths):
        return list(rules)
    pages = {(REPO / path).stem for path in paths if (REPO / path).parent == RUNBOOKS}
    wanted = changed | pages | _by_faults(paths, then)
    return [name for name in rules if name in wanted]


def _by_faults(paths: Sequence[str], then: Callable[[str], str]) -> set[str]:
    """The alerts of the faults whose entries are new or different, of all where what they share is."""
    before: dict[str, object] = {}
    now: dict[str, object] = {}
    catalogue = [path for path in paths if (REPO / path).parent == CATALOGUE]
    for path in catalogue:
        before |= read_yaml(then(path)) or {}
    for path in catalogue:
        now |= (read_yaml((REPO / path).read_text("utf-8")) if (REPO / path).exists() else None) or {}
    everyone = any(REPO / path in (HELPERS, PROGRAMS) for path in paths)
    different = {name for name, entry in now.items() if before.get(name) != entry}
    return {
        alert for fault in faults().values() if everyone or fault.name in different for alert in fault.proves
    }


def _git(*arguments: str, missing: str | None = None) -> str:
    done = subprocess.run(["git", "-C", str(REPO), *arguments], capture_output=True, text=True, check=False)
    if done.returncode and missing is not None:
        return missing
    if done.returncode:
        raise UserError(f"expected git to know what has changed, found: {done.stderr.strip()}")
    return done.stdout
