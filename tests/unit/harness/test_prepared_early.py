"""The lab is prepared while most packages are still being installed."""

import subprocess
import sys

from devtools.environment import FIRST
from devtools.paths import REPO

KNOWN = {
    "docker": {"docker", "requests", "urllib3", "idna", "certifi", "charset_normalizer"},
    "PyYAML": {"yaml", "_yaml"},
}
"""What each of the first packages is imported as, with what it brings along."""
WHERE_THERE_IS_ONE = {"brotli", "_brotli"}
LOOK = """
import sys
before = {name.partition(".")[0] for name in sys.modules}
import harness.cli, harness.lab.cli
from pathlib import Path
for name in {name.partition(".")[0] for name in sys.modules} - before:
    place = getattr(sys.modules[name], "__file__", None) or ""
    if "site-packages" in Path(place).parts:
        print(name)
"""


def test_preparing_the_lab_needs_only_what_is_installed_first() -> None:
    found = subprocess.run([sys.executable, "-c", LOOK], cwd=REPO, capture_output=True, text=True, check=True)

    assert set(found.stdout.split()) - WHERE_THERE_IS_ONE <= set().union(*(KNOWN[name] for name in FIRST))
