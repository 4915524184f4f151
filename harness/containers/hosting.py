"""A platform that runs one version of the application, and another on `POST /versions/2.0.0`."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFESTS = Path("/scene/manifests")
FIRST = "1.0.0"
PORT = 9999


class Platform:
    """The version that runs, and its process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = self._started(FIRST)

    def switch(self, version: str) -> bool:
        """Run another version; False where there is none."""
        if not self._manifest(version).is_file():
            return False
        with self._lock:
            self._process.terminate()
            self._process.wait()
            self._process = self._started(version)
        return True

    def _manifest(self, version: str) -> Path:
        return MANIFESTS / f"{Path(version).name}.json"

    def _started(self, version: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "MITA_MANIFEST": str(self._manifest(version))}
        return subprocess.Popen([sys.executable, "-P", "-m", "application"], env=environment)


class Handler(BaseHTTPRequestHandler):
    """One verb."""

    platform: Platform

    def do_POST(self) -> None:
        done = self.platform.switch(self.path.removeprefix("/versions/"))
        self.send_response(200 if done else 404)
        self.end_headers()


if __name__ == "__main__":
    Handler.platform = Platform()
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 - a container's
