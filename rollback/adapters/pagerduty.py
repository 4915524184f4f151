"""PagerDuty by Events API v2: what is urgent, while the first channel does not take it."""

import hashlib
from collections.abc import Callable

from rollback.adapters.posting import post
from rollback.domain.errors import NotTaken, Undeliverable
from rollback.domain.rollback_wording import DANGER
from rollback.domain.stored import Notice

SUMMARY_LIMIT, DETAIL_LIMIT = 1_024, 20_000
"""PagerDuty refuses a longer summary, and an event of more than 512 KiB."""


class PagerDutyMessenger:
    """Opens one incident per message; the same message again is the same incident."""

    def __init__(
        self, url: Callable[[], str], routing_key: Callable[[], str], external_url: Callable[[], str]
    ) -> None:
        self._url, self._routing_key, self._external_url = url, routing_key, external_url

    @property
    def configured(self) -> bool:
        """Whether there is a routing key."""
        return bool(self._routing_key())

    def send(self, notice: Notice) -> None:
        """Trigger the event, or raise NotTaken, or Undeliverable when PagerDuty would never take it."""
        key = self._routing_key()
        answer = post("PagerDuty", self._url(), self.event(notice) | {"routing_key": key}, secrets=(key,))
        if answer.refuses and "routing_key" in answer.text:
            raise NotTaken(f"PagerDuty answered {answer.status}: {answer.text}")
        if answer.refuses:
            raise Undeliverable(f"PagerDuty refuses the event: {answer.text}")

    def event(self, notice: Notice) -> dict[str, object]:
        """The event without the key that says whose it is."""
        summary = notice.text.split("\n", 1)[0]
        same = hashlib.sha256(f"{notice.thread}\n{notice.text}".encode(errors="replace")).hexdigest()[:24]
        base = self._external_url().rstrip("/")
        links = [
            {"text": name, "href": base + link if link.startswith("/") else link}
            for name, link in notice.links.items()
        ]
        return {
            "event_action": "trigger",
            "dedup_key": f"mita-rollback/{same}",
            "client": "mita-rollback",
            "links": [link for link in links if link["href"].startswith("http")],
            "payload": {
                "summary": summary[:SUMMARY_LIMIT] or "mita-rollback",
                "source": "mita-rollback",
                "severity": "critical" if notice.colour == DANGER else "warning",
                "custom_details": {**notice.fields, "text": notice.text[:DETAIL_LIMIT]},
            },
        }
