"""`python3 -m target`: supervise the workers of one release."""

import os
import shutil
import sys

import uvicorn

from .exposition import SUPERVISOR
from .faults import FaultError
from .settings import Settings, SettingsError


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
    uvicorn.run(
        f"{__package__}.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_worker_healthcheck=30,  # on a host out of CPU, killing a slow worker makes it worse
    )


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
