"""Slack by incoming webhook."""

from collections.abc import Callable

import requests

from rollback.domain.errors import Blind
from rollback.domain.records import Notice

TIMEOUT = (2.0, 5.0)


class SlackMessenger:
    """Posts one message per notice; without an address it says nothing and succeeds."""

    def __init__(self, url: Callable[[], str], channel: Callable[[], str]) -> None:
        self._url, self._channel = url, channel

    def send(self, notice: Notice) -> None:
        """Deliver the message, or raise Blind. The address is a secret and never part of an error."""
        url = self._url()
        if not url:
            return
        try:
            response = requests.post(url, json=self._body(notice), timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise Blind(f"Slack did not answer: {type(error).__name__}") from None
        if not response.ok:
            raise Blind(f"Slack answered {response.status_code}: {response.text[:100]}")

    def _body(self, notice: Notice) -> dict[str, object]:
        fields = [{"title": k, "value": v, "short": True} for k, v in notice.fields.items()]
        attachment = {"color": notice.colour, "fallback": notice.text, "fields": fields}
        body: dict[str, object] = {"text": notice.text, "attachments": [attachment]}
        channel = self._channel()
        return {**body, "channel": channel} if channel else body
