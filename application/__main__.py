"""`python3 -m application`: supervise the workers of one release."""

import os
import shutil
import sys

from .faults import FaultError
from .serving import serve
from .settings import SUPERVISOR, Settings, SettingsError


def main() -> None:
    """Serve until SIGTERM. Values that workers of an earlier start left behind are gone first."""
    try:
        settings = Settings.from_environment()
    except (SettingsError, FaultError) as error:
        sys.exit(f"mita-backend: {error}")
    clear(settings)
    stay_with_this_release()
    os.environ[SUPERVISOR] = str(os.getpid())
    for fault in settings.faults:
        fault.at_start()
    serve(settings, f"{__package__}.app:create_app")


def clear(settings: Settings) -> None:
    """Make the metrics directory exist and empty it."""
    settings.metrics_dir.mkdir(parents=True, exist_ok=True)
    for entry in settings.metrics_dir.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def stay_with_this_release() -> None:
    """Replace links in the import path: a worker started after the next switch still runs this release."""
    sys.path[:] = [os.path.realpath(entry) for entry in sys.path]


if __name__ == "__main__":
    main()
