"""Slack by incoming webhook. Such a webhook cannot answer in a thread, so the thread's name is a field."""

import re
from collections.abc import Callable, Mapping

import requests

from rollback.domain.errors import Blind, Undeliverable
from rollback.domain.records import Notice

TIMEOUT = (2.0, 5.0)
TEXT_LIMIT, FIELD_LIMIT = 3_000, 1_000
"""Slack cuts longer messages itself, in the middle of what matters."""
ADDRESS = re.compile(r"https?://[^\s<>|]+")
CONTROL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SlackMessenger:
    """Posts one message per notice; without an address it says nothing and succeeds."""

    def __init__(
        self, url: Callable[[], str], channel: Callable[[], str], external_url: Callable[[], str]
    ) -> None:
        self._url, self._channel, self._external_url = url, channel, external_url

    def send(self, notice: Notice) -> None:
        """Deliver the message, or raise Blind, or Undeliverable when Slack will never take it.

        The address is a secret and never part of an error.
        """
        url = self._url()
        if not url:
            return
        try:
            response = requests.post(url, json=self.body(notice), timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise Blind(f"Slack did not answer: {type(error).__name__}") from None
        if response.status_code == 400:
            raise Undeliverable(f"Slack refuses the message: {response.text[:100]}")
        if not response.ok:
            raise Blind(f"Slack answered {response.status_code}: {response.text[:100]}")

    def body(self, notice: Notice) -> dict[str, object]:
        """The message as Slack takes it: whatever came from outside is text, never a command to Slack."""
        thread = {"Thread": notice.thread} if notice.thread else {}
        fields = [
            {"title": shown(name), "value": shown(value, FIELD_LIMIT), "short": True}
            for name, value in {**notice.fields, **thread}.items()
        ]
        fields += [
            {"title": shown(name), "value": value, "short": False}
            for name, value in self._links(notice.links).items()
        ]
        text = shown(notice.text, TEXT_LIMIT)
        attachment = {"color": notice.colour, "fallback": text, "fields": fields}
        body: dict[str, object] = {"text": text, "attachments": [attachment]}
        channel = self._channel()
        return {**body, "channel": channel} if channel else body

    def _links(self, links: Mapping[str, str]) -> dict[str, str]:
        """Addresses; paths of the daemon need to be told where people reach it."""
        base = self._external_url().rstrip("/")
        whole = {name: base + link if link.startswith("/") else link for name, link in links.items()}
        return {
            name: f"<{_escaped(link)}>" if ADDRESS.fullmatch(link) else shown(link, FIELD_LIMIT)
            for name, link in whole.items()
            if not link.startswith("/")
        }


def shown(text: str, limit: int = FIELD_LIMIT) -> str:
    """The text as it is read, not as Slack would obey it, and no longer than that."""
    return _escaped(text if len(text) <= limit else text[: limit - 3] + "...")


def _escaped(text: str) -> str:
    return "".join(CONTROL.get(character, character) for character in text)
