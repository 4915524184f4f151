"""Slack by incoming webhook. Such a webhook cannot answer in a thread, so the thread's name is a field."""

import re
from collections.abc import Callable, Mapping

from rollback.adapters.posting import post
from rollback.domain.errors import NotTaken, Undeliverable
from rollback.domain.stored import Notice

TEXT_LIMIT, FIELD_LIMIT = 3_000, 1_000
"""Slack cuts longer messages itself, in the middle of what matters."""
ADDRESS = re.compile(r"https?://[^\s<>|]+")
OF_CHANNEL = re.compile("not_found|token|prohibited|archived|posting_to|no_service|no_team")
"""Errors of Slack that somebody mends in Slack or in the settings: the message waits for that."""
CONTROL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SlackMessenger:
    """Posts one message per notice; without an address it says nothing and succeeds."""

    def __init__(
        self, url: Callable[[], str], channel: Callable[[], str], external_url: Callable[[], str]
    ) -> None:
        self._url, self._channel, self._external_url = url, channel, external_url

    @property
    def configured(self) -> bool:
        """Whether there is an address."""
        return bool(self._url())

    def send(self, notice: Notice) -> None:
        """Deliver the message, or raise NotTaken, or Undeliverable when Slack would never take it.

        The address is a secret and never part of an error.
        """
        url = self._url()
        if not url:
            return
        answer = post("Slack", url, self.body(notice))
        if answer.refuses and OF_CHANNEL.search(answer.text):
            raise NotTaken(f"Slack answered {answer.status}: {answer.text}")
        if answer.refuses:
            raise Undeliverable(f"Slack refuses the message: {answer.text}")

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
