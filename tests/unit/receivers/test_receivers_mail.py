"""A message without the headers that a mail client shows is a problem."""

from email.message import EmailMessage

import pytest

from harness.receivers.mail import REQUIRED_HEADERS, problems_of

RECIPIENT = "oncall@example.org"


def message(*, without: str = "") -> EmailMessage:
    headers = {
        "From": "a@example.org",
        "To": RECIPIENT,
        "Subject": "s",
        "Date": "Mon, 01 Jan 2024 00:00:00 +0000",
    }
    mail = EmailMessage()
    for name in set(headers) - {without}:
        mail[name] = headers[name]
    return mail


def test_complete_message_has_no_problems() -> None:
    assert problems_of(message(), [RECIPIENT]) == []


@pytest.mark.parametrize("header", REQUIRED_HEADERS)
def test_missing_header_is_named(header: str) -> None:
    assert any(header in problem for problem in problems_of(message(without=header), [RECIPIENT]))


def test_recipient_outside_the_to_header_is_a_problem() -> None:
    assert problems_of(message(), ["other@example.org"]) == [
        "the recipient other@example.org is not in To: " + RECIPIENT
    ]
