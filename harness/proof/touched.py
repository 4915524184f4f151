"""Which alerts a change touches: their rules, faults and pages, and what measures, tells and mends."""

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence

from devtools.errors import UserError
from devtools.paths import REPO
from harness.faults.fault import CATALOGUE, PROGRAMS, faults
from harness.faults.on_host import HELPERS
from harness.proof.marks import OWN
from monitoring.catalog import Alert
from monitoring.yaml_text import read_yaml
from ruletools.errors import RulesError
from ruletools.house.changed import changed_since
from ruletools.house.files import RUNBOOKS

EVERYBODYS = (
    *("application/", "closing/", "relay/", "roles/", "playbooks/", "site.yml", "inventories/lab/"),
    *("harness/proof/", "harness/stack/", "harness/receivers/", "harness/lab/", "harness/load/"),
    *("harness/incident/", "harness/notify/", "harness/release/", "harness/clients.py"),
    *("harness/faults/on_host.py", "harness/faults/fault.py", "harness/faults/expected.yml"),
    *("ruletools/", "docs/who-is-told.md"),
    *(
        "monitoring/alertmanager.yml",
        "monitoring/prometheus.yml",
        "monitoring/slo.yml",
        "monitoring/blackbox.yml",
    ),
    "monitoring/templates/",
)
"""What every alert depends on: what is measured and installed, the way to people, and who watches that."""
RENDERING = re.compile(r"monitoring/[a-z_/]+\.py")
"""What makes the installed rules and routes of those of the repository."""
DAEMON = "rollback/"


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
    rules: Mapping[str, Alert], changed: set[str], paths: Sequence[str], then: Callable[[str], str]
) -> list[str]:
    """Of these alerts those with a changed rule or test, and those that changed files are about.

    `then` gives the text that a file had; nothing where it was not there.
    """
    if any(path.startswith(EVERYBODYS) or RENDERING.match(path) for path in paths):
        return list(rules)
    pages = {(REPO / path).stem for path in paths if (REPO / path).parent == RUNBOOKS}
    wanted = changed | pages | _by_faults(paths, then)
    if any(path.startswith(DAEMON) for path in paths):
        wanted |= {name for name, rule in rules.items() if _is_the_daemons(rule)}
    return [name for name in rules if name in wanted]


def _is_the_daemons(rule: Alert) -> bool:
    """Whether the daemon decides about an alert, or the alert is about the daemon."""
    return bool(rule.labels.get("rollback")) or rule.labels.get("component") == OWN


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
