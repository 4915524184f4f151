#!/usr/bin/env python3
"""Test Alertmanager: `python3 scripts/test_alertmanager.py [--test-alert NAME --severity S]`.

Needs nothing but Python: the work is done in the environment of this checkout, which `make setup` makes.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"


def main() -> None:
    """Go on in the environment of this checkout, or say that it is missing."""
    if not PYTHON.exists():
        sys.exit(f"expected an environment at {PYTHON.parent}, found none; type `make setup` in {ROOT}")
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "harness.notify.alertmanager_test", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
