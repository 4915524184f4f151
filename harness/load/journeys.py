"""What users do, as data: how often, and what is sent. Pure; the random source is passed in."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from uuid import uuid4

KNOWN_USERS_KEPT = 500
REGISTRATION = "/api/register"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP request; *name* is the row it is counted under."""

    name: str
    method: str
    path: str
    body: Mapping[str, object] | None = None


class Users:
    """Identifiers of registered users, the latest few hundred, so that later journeys use real ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: deque[str] = deque(maxlen=KNOWN_USERS_KEPT)

    def add(self, user_id: str) -> None:
        """Remember a user who registered."""
        self._known.append(user_id)

    def any(self) -> str | None:
        """Return one of them, or None before the first registration."""
        return self._random.choice(self._known) if self._known else None


def register(_random: Random, _user: str | None = None) -> Call:
    """A new user registers."""
    email = f"user-{uuid4().hex}@example.org"  # never seeded: an address can register once
    return Call(name=REGISTRATION, method="POST", path=REGISTRATION, body={"email": email})


def _transact(random: Random, user: str) -> Call:
    body = {"user_id": int(user), "amount": f"{random.randint(1, 50_000) / 100:.2f}"}
    return Call(name="/api/transactions", method="POST", path="/api/transactions", body=body)


def _earn(random: Random, _user: str) -> Call:
    body = {"source": random.choice(("web", "mobile")), "amount": f"{random.randint(100, 5_000) / 100:.2f}"}
    return Call(name="/api/revenue", method="POST", path="/api/revenue", body=body)


def _enqueue(random: Random, _user: str) -> Call:
    body = {"kind": random.choice(("email", "statement"))}
    return Call(name="/api/queue/jobs", method="POST", path="/api/queue/jobs", body=body)


def _read(_random: Random, user: str) -> Call:
    return Call(name="/api/users/{user_id}", method="GET", path=f"/api/users/{user}")


@dataclass(frozen=True)
class Journey:
    weight: int
    call: Callable[[Random, str], Call]


JOURNEYS: Sequence[Journey] = (
    Journey(2, register),
    Journey(4, _transact),
    Journey(1, _earn),
    Journey(1, _enqueue),
    Journey(4, _read),
)


def choose(random: Random, users: Users) -> Call:
    """Return the next arrival's request; before the first registration everybody registers."""
    user = users.any()
    if user is None:
        return register(random)
    [journey] = random.choices(JOURNEYS, weights=[j.weight for j in JOURNEYS])
    return journey.call(random, user)


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
