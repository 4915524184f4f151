"""Where things are kept: the repository, the state of this clone's lab, the cache that all clones share."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
STATE = REPO / ".lab"
SSH_DIR = STATE / "ssh"
SECRETS_DIR = STATE / "secrets"
FAILURES_DIR = STATE / "failures"
RUNS_DIR = STATE / "runs"
RELEASES_DIR = STATE / "releases"
REPORTS_DIR = STATE / "reports"
VENV = REPO / ".venv"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mita-monitoring"
