"""The requests of harness/load/journeys.py as locust's own users send them, one a second each."""

# ruff: noqa: S311  (a mix of requests is no secret)

from collections import deque
from random import choice, randint
from typing import Any
from uuid import uuid4

from locust import FastHttpUser, HttpUser, User, constant_throughput, task

KNOWN: deque[int] = deque([1], maxlen=500)


class Journeys(User):
    """What both kinds of user do."""

    abstract = True
    wait_time = constant_throughput(1)
    client: Any

    @task(2)
    def register(self) -> None:
        """A new user registers."""
        answer = self.client.post("/api/register", json={"email": f"user-{uuid4().hex}@example.org"})
        KNOWN.append(answer.json()["user_id"])

    @task(4)
    def transact(self) -> None:
        """A user pays."""
        body = {"user_id": choice(KNOWN), "amount": f"{randint(1, 50_000) / 100:.2f}"}
        self.client.post("/api/transactions", json=body)

    @task(1)
    def earn(self) -> None:
        """Revenue comes in."""
        body = {"source": choice(("web", "mobile")), "amount": f"{randint(100, 5_000) / 100:.2f}"}
        self.client.post("/api/revenue", json=body)

    @task(1)
    def enqueue(self) -> None:
        """A job is queued."""
        self.client.post("/api/queue/jobs", json={"kind": choice(("email", "statement"))})

    @task(4)
    def read(self) -> None:
        """A user looks at the account."""
        self.client.get(f"/api/users/{choice(KNOWN)}", name="/api/users/{user_id}")


class Fast(FastHttpUser, Journeys):
    """The cheaper of locust's two."""


class Usual(HttpUser, Journeys):
    """The one that most locustfiles use."""
