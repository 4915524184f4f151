"""What a batch proves something of: its faults, their rules, and the way to the receivers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from devtools.paths import REPO
from harness.faults.fault import Fault
from harness.faults.on_host import HELPERS
from harness.proof import record
from monitoring.catalog import Alert

ROUTES = (REPO / "monitoring" / "alertmanager.yml", REPO / "monitoring" / "templates")


def digest(batch: Sequence[Fault], rules: Mapping[str, Alert]) -> str:
    """Another one as soon as something differs of which a proof says anything."""
    faults = [asdict(fault) for fault in batch]
    proven = {name: record.digest(rules[name]) for fault in batch for name in fault.proves}
    texts = [path.read_text("utf-8") for root in (*ROUTES, HELPERS) for path in _files(root)]
    return sha256(json.dumps([faults, proven, texts], default=str, sort_keys=True).encode()).hexdigest()


def _files(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
