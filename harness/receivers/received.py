"""What the receivers were sent, in order. One process, one event loop: no locks."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice

KEPT = 20_000
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a receiver replies. No problems means that the real service would take the request."""

    status: int
    body: str | dict[str, object]
    problems: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    seq: int
    at: str
    receiver: str
    valid: bool
    problems: tuple[str, ...]
    status: int
    body: object
    headers: Mapping[str, str]
    facts: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """Return the record as the control API shows it, facts such as `channel` beside the rest."""
        flat = asdict(self)
        return {**flat.pop("facts"), **flat}


class Store:
    """The last KEPT requests. Numbers never start again: a reader's `after` stays right over a reset."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._seq = 0

    def add(self, receiver: str, answer: Answer, body: object, headers: Mapping[str, str]) -> Record:
        """Keep one request with its answer; credentials in its headers are left out."""
        self._seq += 1
        record = Record(
            seq=self._seq,
            at=datetime.now(UTC).isoformat(),
            receiver=receiver,
            valid=not answer.problems,
            problems=answer.problems,
            status=answer.status,
            body=body,
            headers={k: v for k, v in headers.items() if k.lower() not in SECRET_HEADERS},
            facts=answer.facts,
        )
        self._records.append(record)
        return record

    def after(self, seq: int, receiver: str | None = None, limit: int = 1000) -> list[Record]:
        """Return at most *limit* records newer than *seq*, oldest first."""
        chosen = (r for r in self._records if r.seq > seq and receiver in (None, r.receiver))
        return list(islice(chosen, limit))

    def clear(self) -> int:
        """Forget all records and return the last sequence number given out."""
        self._records.clear()
        return self._seq
