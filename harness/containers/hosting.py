"""A platform that runs one version of the application, and another on `POST /versions/2.0.0`.

It also answers what rollback/adapters/railway.py asks of Railway. What Railway would refuse in a question is
refused in tests/unit/rollback/test_railway.py: here the answers move a release.
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFESTS = Path("/scene/manifests")
FIRST = "1.0.0"
PORT = 9999
RAILWAY = "/graphql/v2"
TOKEN = os.environ.get("RAILWAY_TOKEN", "")
WHERE = {"projectId": "PROJECT-ID", "environmentId": "ENVIRONMENT-ID", "serviceId": "SERVICE-ID"}
"""As docs/railway.md prints it."""
REFUSED = {"data": None, "errors": [{"message": "Not Authorized"}]}


class Platform:
    """The version that runs, its process, and every deployment since the platform began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deployments: list[dict[str, Any]] = []
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

    def railway(self, token: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What Railway answers to a question."""
        given = asked["variables"]
        if token != TOKEN or given.get("input", WHERE) != WHERE:
            return REFUSED
        if "deploymentRollback" in asked["query"]:
            (version,) = (one["version"] for one in self._deployments if one["id"] == given["id"])
            return {"data": {"deploymentRollback": self.switch(version)}}
        newest = [{"node": one} for one in reversed(self._deployments)]
        return {"data": {"deployments": {"edges": newest[: given["first"]]}}}

    def _manifest(self, version: str) -> Path:
        return MANIFESTS / f"{Path(version).name}.json"

    def _started(self, version: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "MITA_MANIFEST": str(self._manifest(version))}
        number = len(self._deployments)
        for one in self._deployments:
            one["status"] = "REMOVED"
        self._deployments.append(
            {
                "id": f"deployment-{number}",
                "version": version,
                "status": "SUCCESS",
                "createdAt": f"2026-11-28T10:{number:02}:00Z",
                "canRollback": True,
                "meta": {"image": f"registry.example.org/mita-backend:{version}"},
            }
        )
        return subprocess.Popen([sys.executable, "-P", "-m", "application"], env=environment)


class Handler(BaseHTTPRequestHandler):
    """One verb."""

    platform: Platform

    def do_POST(self) -> None:
        if self.path == RAILWAY:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = self.platform.railway(self.headers.get("Project-Access-Token", ""), asked)
            self._say(200, json.dumps(answer).encode())
        else:
            done = self.platform.switch(self.path.removeprefix("/versions/"))
            self._say(200 if done else 404, b"")

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    Handler.platform = Platform()
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 - a container's
