"""`python3 -m receivers --settings FILE`: HTTP and SMTP in one process until SIGTERM."""

import argparse
import asyncio
import sys
from pathlib import Path

import uvicorn

from . import mail
from .app import build
from .behaviour import Behaviours
from .received import Store
from .settings import Settings, SettingsError, load


async def serve(settings: Settings) -> None:
    """Serve both protocols until uvicorn is told to stop."""
    store, behaviours = Store(), Behaviours()
    smtp = await mail.listen(settings, store, behaviours)
    config = uvicorn.Config(
        build(settings, store, behaviours),
        host=settings.address,
        port=settings.http_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        smtp.close()


def main() -> int:
    """Serve, or with --check only say whether the settings can be used."""
    parser = argparse.ArgumentParser(prog="receivers", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="read the settings and stop")
    options = parser.parse_args()
    try:
        settings = load(options.settings)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    if not options.check:
        asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
