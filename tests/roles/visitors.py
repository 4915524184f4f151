"""Clients of an application while it is deployed, rolled back and restarted: who loses a request?"""

import http.client
import select
import threading
import time


class Visitors:
    """Clients that keep their connections, as browsers and proxies do, and count what they lose."""

    def __init__(self, addresses: list[str], each: int = 8) -> None:
        self.over = threading.Event()
        self.answered, self.lost, self.slowest = 0, list[str](), 0.0
        work = [(address, place / each) for address in addresses for place in range(each)]
        self.threads = [threading.Thread(target=self.visit, args=one) for one in work]

    def visit(self, address: str, offset: float) -> None:
        connection: http.client.HTTPConnection | None = None
        due = time.monotonic() + offset / 2
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due += 0.5
            began = time.monotonic()
            try:
                if connection is None or select.select([connection.sock], [], [], 0)[0]:
                    connection = http.client.HTTPConnection(address, 8080, timeout=20)
                    connection.connect()
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/api/queue/jobs", '{"kind": "email"}', headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 202:
                    self.lost.append(f"{address}: {answer.status} at {time.time():.2f}")
                if answer.will_close:
                    connection.close()
                    connection = None
                self.answered += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{address}: {error!r} at {time.time():.2f}")
                connection = None

    def __enter__(self) -> "Visitors":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
