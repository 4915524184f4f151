"""What users of the reference application do: how often, and what is sent. Pure."""

from collections.abc import Sequence
from random import Random
from uuid import uuid4

from harness.load.mix import Call, Journey, Known

USER = "user_id"


def register(_random: Random, _known: Known) -> Call:
    """A new user registers."""
    email = f"user-{uuid4().hex}@example.org"  # never seeded: an address can register once
    return Call(method="POST", path="/api/register", body={"email": email}, keeps=USER)


def transact(random: Random, known: Known) -> Call:
    """A user pays."""
    body = {"user_id": int(known.any(USER)), "amount": f"{random.randint(1, 50_000) / 100:.2f}"}
    return Call(method="POST", path="/api/transactions", body=body)


def earn(random: Random, _known: Known) -> Call:
    """Revenue comes in."""
    body = {"source": random.choice(("web", "mobile")), "amount": f"{random.randint(100, 5_000) / 100:.2f}"}
    return Call(method="POST", path="/api/revenue", body=body)


def enqueue(random: Random, _known: Known) -> Call:
    """A job is queued."""
    return Call(method="POST", path="/api/queue/jobs", body={"kind": random.choice(("email", "statement"))})


def read(_random: Random, known: Known) -> Call:
    """A user looks at the account."""
    return Call(method="GET", path=f"/api/users/{known.any(USER)}", name="/api/users/{user_id}")


READ, WRITE = frozenset({"read"}), frozenset({"write"})
JOURNEYS: Sequence[Journey] = (
    Journey(2, register, tags=READ | WRITE),  # whoever reads has registered
    Journey(4, transact, needs=USER, tags=WRITE),
    Journey(1, earn, needs=USER, tags=WRITE),
    Journey(1, enqueue, needs=USER, tags=WRITE),
    Journey(4, read, needs=USER, tags=READ),
)


def lab_headers(random: Random, *, error_ratio: float, added_latency: float) -> dict[str, str]:
    """Return the headers that make the application fail a share of the requests and delay all of them.

    *added_latency* is in seconds. The application honours them in the lab only.
    """
    headers = {}
    if random.random() < error_ratio:
        headers["X-Mita-Fail"] = "1"
    if added_latency:
        headers["X-Mita-Delay"] = f"{added_latency:g}"
    return headers
