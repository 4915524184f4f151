"""What the stand-in answers over HTTP."""

import base64
import json
import re
import ssl
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import provisioning
from .accounts import Accounts, Json
from .settings import Settings

NUMBERED = re.compile(r"/api/(?:admin|org)/users/(\d+)(/password)?")


class Grafana:
    """What the stand-in knows at this moment."""

    def __init__(self, settings: Settings) -> None:
        """Read everything once; RefusedError where something is wrong."""
        self.settings = settings
        self.accounts = Accounts(Path(settings.get("paths", "data")))
        self.accounts.first(
            settings.get("security", "admin_user"), settings.get("security", "admin_password")
        )
        directory = Path(settings.get("paths", "provisioning"))
        self.sources = provisioning.sources(directory)
        self.providers = provisioning.providers(directory)
        self.dashboards()
        self.answered: Counter[tuple[str, str, int]] = Counter()

    def dashboards(self) -> dict[str, str]:
        """The dashboards that lie there now, by uid."""
        pages = [provisioning.dashboards(provider) for provider in self.providers]
        return {uid: title for each in pages for uid, title in each.items()}

    def metrics(self) -> str:
        """The exposition."""
        name = "grafana_http_request_duration_seconds_count"
        lines = [
            f'{name}{{handler="{path}",method="{method}",status_code="{code}"}} {count}'
            for (method, path, code), count in sorted(self.answered.items())
        ]
        return "\n".join([f"# TYPE {name} counter", *lines, 'grafana_build_info{version="stand-in"} 1', ""])

    def health_of(self, uid: str) -> tuple[int, Json]:
        """What the Prometheus behind a data source says."""
        (one,) = [source for source in self.sources if source["uid"] == uid]
        data, secret = one.get("jsonData", {}), one.get("secureJsonData", {})
        trust = ssl.create_default_context(cadata=secret.get("tlsCACert"))
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)]
        request = urllib.request.Request(f"{one['url']}/api/v1/query?query=up")  # noqa: S310 - refused above unless it is one
        if one.get("basicAuth"):
            login = base64.b64encode(f"{one['basicAuthUser']}:{secret['basicAuthPassword']}".encode())
            request.add_header("Authorization", f"Basic {login.decode()}")
        trust.check_hostname = not data.get("serverName")
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=5) as answer:
                return 200, {"status": "OK", "found": len(json.loads(answer.read())["data"]["result"])}
        except (OSError, ValueError) as error:
            return 400, {"status": "ERROR", "message": str(error)}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    grafana: Grafana

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Add something, or log in."""
        self._answer("POST")

    def do_PUT(self) -> None:
        """Change a password."""
        self._answer("PUT")

    def do_PATCH(self) -> None:
        """Change a role."""
        self._answer("PATCH")

    def do_DELETE(self) -> None:
        """Remove an account."""
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Write one line without what was sent."""
        print(f"{self.command} {self.path.partition('?')[0]} {args[1] if len(args) > 1 else ''}", flush=True)  # noqa: T201

    def _answer(self, method: str) -> None:
        path = self.path.partition("?")[0]
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        code, content = self._routed(method, path, body)
        text = content if isinstance(content, str) else json.dumps(content)
        self.send_response(code)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
        self.grafana.answered[(method, path, code)] += 1

    def _routed(self, method: str, path: str, body: Json) -> tuple[int, Any]:
        grafana = self.grafana
        if path == "/api/health":
            return 200, {"database": "ok", "version": "stand-in"}
        if path == "/metrics":
            return (200, grafana.metrics()) if self._may_measure() else (401, {})
        if path == "/login":
            known = grafana.accounts.found(body.get("user", ""), body.get("password", ""))
            return (200, {"message": "Logged in"}) if known else (401, {"message": "invalid"})
        account = self._account()
        if account is None:
            return 401, {"message": "Unauthorized"}
        if path == "/api/search":
            return 200, [{"uid": uid, "title": title} for uid, title in grafana.dashboards().items()]
        if path == "/api/user":
            return (
                (200, {"login": account["login"], "role": account["role"]}) if account["login"] else (401, {})
            )
        if not account.get("administrator"):
            return 403, {"message": "Permission denied"}
        return self._administered(method, path, body)

    def _administered(self, method: str, path: str, body: Json) -> tuple[int, Any]:
        accounts = self.grafana.accounts
        if path == "/api/datasources":
            return 200, [{**one, "secureJsonData": None} for one in self.grafana.sources]
        if path.startswith("/api/datasources/uid/"):
            return self.grafana.health_of(path.split("/")[4])
        if path == "/api/org/users":
            shown = accounts.all().items()
            return 200, [
                {"userId": number, "login": one["login"], "role": one["role"]} for number, one in shown
            ]
        if (method, path) == ("POST", "/api/admin/users"):
            return 200, {"id": accounts.add(body["login"], body["password"])}
        found = NUMBERED.fullmatch(path)
        if not found or int(found[1]) not in accounts.all():
            return 404, {"message": "not found"}
        self._changed(method, int(found[1]), body)
        return 200, {"message": "done"}

    def _changed(self, method: str, number: int, body: Json) -> None:
        if method == "PUT":
            self.grafana.accounts.set_password(number, body["password"])
        elif method == "PATCH":
            self.grafana.accounts.change(number, role=body["role"])
        elif method == "DELETE":
            self.grafana.accounts.remove(number)

    def _login(self) -> tuple[str, str]:
        scheme, _, encoded = (self.headers.get("Authorization") or "").partition(" ")
        login, _, password = (
            base64.b64decode(encoded).decode().partition(":") if scheme == "Basic" else ("", "", "")
        )
        return login, password

    def _account(self) -> Json | None:
        """Who asks; a visitor has no name."""
        settings = self.grafana.settings
        if "Authorization" in self.headers:
            return self.grafana.accounts.found(*self._login())
        if settings.flag("auth.anonymous", "enabled"):
            return {"login": "", "role": settings.get("auth.anonymous", "org_role")}
        return None

    def _may_measure(self) -> bool:
        name, password = (
            self.grafana.settings.get("metrics", f"basic_auth_{key}") for key in ("username", "password")
        )
        return not name or self._login() == (name, password)


def serve(settings: Settings) -> None:
    """Answer until the process ends."""
    Handler.grafana = Grafana(settings)
    place = settings.get("server", "http_addr"), int(settings.get("server", "http_port"))
    server = ThreadingHTTPServer(place, Handler)
    if settings.get("server", "protocol") == "https":
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(settings.get("server", "cert_file"), settings.get("server", "cert_key"))
        server.socket = trust.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
