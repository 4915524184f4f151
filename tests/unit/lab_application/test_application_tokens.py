"""Tokens are accepted from us, in time, unchanged; nothing else is."""

import pytest

from application import tokens

KEY = b"k" * 32
NOW = 1_000.0


def test_own_token_gives_its_claims_back() -> None:
    token = tokens.sign({"sub": 7, "exp": NOW + 1}, KEY)

    assert tokens.verify(token, KEY, now=NOW) == {"sub": 7, "exp": NOW + 1}


def test_token_is_refused_from_its_last_second_on() -> None:
    token = tokens.sign({"sub": 7, "exp": NOW}, KEY)

    with pytest.raises(tokens.InvalidTokenError, match="time is over"):
        tokens.verify(token, KEY, now=NOW)


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-2] + "AA", lambda t: "x" + t, lambda t: "a.b.c", lambda t: ""]
)
def test_spoiled_token_is_refused(spoil: object) -> None:
    token = tokens.sign({"sub": 7, "exp": NOW + 1}, KEY)

    with pytest.raises(tokens.InvalidTokenError, match="signature"):
        tokens.verify(spoil(token), KEY, now=NOW)  # type: ignore[operator]


def test_token_of_another_key_is_refused() -> None:
    with pytest.raises(tokens.InvalidTokenError):
        tokens.verify(tokens.sign({"exp": NOW + 1}, b"other"), KEY, now=NOW)
