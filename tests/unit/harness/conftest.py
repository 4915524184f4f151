"""A lab may run on this machine while these tests do: none of them may ask it anything, or change it."""

import pytest

from harness.lab import addresses


@pytest.fixture(autouse=True)
def no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks where a host of the lab answers has forgotten a stand-in."""

    def refuse(host: str, port: int) -> str:
        raise AssertionError(f"a unit test asks for port {port} of the lab's {host}")

    monkeypatch.setattr(addresses, "address", refuse)
