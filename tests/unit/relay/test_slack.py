"""Every answer means something, and what Slack limits is waited for as long as it says."""

from email.message import Message

import pytest

from relay.slack import Again, Never, Taken, Verdict, Wait, judge


def answer(status: int, body: str = "", retry_after: str | None = None) -> Verdict:
    headers = Message()
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return judge(status, headers, body)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, "ok", Taken()),
        (200, "ok\n", Taken()),
        (200, "invalid_token", Never("not_ok")),
        (200, "<html>log in first", Again("200")),
        (403, "no way to https://secret.example/x", Again("403")),
        (400, "invalid_payload", Never("invalid_payload")),
        (400, "https://secret.example/x", Never("status_400")),
        (413, "", Never("status_413")),
        (403, "invalid_token", Again("403 invalid_token")),
        (404, "no_service", Again("404 no_service")),
        (410, "channel_is_archived", Again("410 channel_is_archived")),
        (408, "", Again("408")),
        (302, "", Again("302")),
        (500, "", Again("500")),
        (503, "", Again("503")),
    ],
)
def test_answer_is_judged(status: int, body: str, verdict: Verdict) -> None:
    assert answer(status, body) == verdict


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("30", 30), ("0.5", 0.5), ("0", 1), ("-3", 1), ("9999999", 600), ("nan", 1), ("Sat, 28 Nov", 1)],
)
def test_limit_is_waited_for(said: str, seconds: float) -> None:
    assert answer(429, "rate_limited", said) == Wait(seconds)


def test_limit_without_a_time_is_waited_for_shortly() -> None:
    assert answer(429) == Wait(1)
