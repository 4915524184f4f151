"""What a batch proves something of: its faults, their rules and pages, and the way to the receivers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from devtools.paths import REPO
from harness.faults.fault import PROGRAMS, Fault
from harness.faults.on_host import HELPERS
from harness.proof import record
from monitoring.catalog import Alert
from ruletools.house.files import RUNBOOKS

ROUTES = (REPO / "monitoring" / "alertmanager.yml", REPO / "monitoring" / "templates")


def digest(batch: Sequence[Fault], rules: Mapping[str, Alert]) -> str:
    """Another one as soon as something differs of which a proof says anything."""
    faults = [asdict(fault) for fault in batch]
    proven = {name: _of(rules[name]) for fault in batch for name in fault.proves}
    texts = [path.read_text("utf-8") for root in (*ROUTES, HELPERS, PROGRAMS) for path in _files(root)]
    return sha256(json.dumps([faults, proven, texts], default=str, sort_keys=True).encode()).hexdigest()


def _of(rule: Alert) -> tuple[str, dict[str, str], str]:
    """What a person is told and reads counts, too: a report shows it."""
    page = RUNBOOKS / f"{rule.name}.md"
    return record.digest(rule), dict(rule.annotations), page.read_text("utf-8") if page.exists() else ""


def _files(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
