"""A shop of another team: orders over HTTP, metrics of its own, and two switches that break it."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

shop = {"payments": 1, "stock": 40, "orders": 0, "failed": 0}


class Shop(BaseHTTPRequestHandler):
    """GET shows, POST /orders sells, POST /NAME/N sets one of the figures."""

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, "".join(f"shop_{name} {value}\n" for name, value in shop.items()))
        else:
            self._answer(200, "open\n")

    def do_POST(self) -> None:
        name, _, value = self.path.strip("/").partition("/")
        if value:
            shop[name] = int(value)
        else:
            shop["orders" if shop["payments"] else "failed"] += 1
        self._answer(200 if value or shop["payments"] else 402, "")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
