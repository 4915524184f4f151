"""`closing` beside an Alertmanager: settings out of alertmanager.yml, by the code of the role; then it runs.

Arguments: alertmanager.yml, for how long Alertmanager remembers, and where the settings go.
"""

import os
import sys
from pathlib import Path

from roles.alertmanager.filter_plugins.mita_closing import closing_settings

EVERY_S = 15


def main(config: str, retention: str, settings: str) -> None:
    """Write the settings, and become `closing`. The first of several pods tells of the night."""
    text = closing_settings(
        Path(config).read_text(encoding="utf-8"),
        {"url": "http://127.0.0.1:9093/-/ready"},
        every_s=EVERY_S,
        retention=retention,
        time_scale=1,
        digest=os.environ["POD_NAME"].endswith("-0"),
    )
    Path(settings).write_text(text, encoding="utf-8")
    argv = ["-P", "-m", "closing", f"--settings={settings}", "--memory=/var/lib/mita-closing/memory.json"]
    os.execv(sys.executable, [sys.executable, *argv, f"--every={EVERY_S}"])  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main(*sys.argv[1:])
