"""What the daemon looks up for its executor."""

from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.assembly import _checksum
from rollback.domain.errors import StoreUnavailable


def test_the_target_must_be_what_was_deployed_as_far_as_that_is_known(store: SqliteStore, make: Any) -> None:
    make.live(store, "1", minutes=-60, checksum="sha256:1")
    make.live(store, "2", minutes=0, checksum="sha256:2")

    assert _checksum(store, make.rollback()) == "sha256:1"
    assert _checksum(store, make.rollback(to_version="0")) == ""


def test_a_database_that_cannot_be_read_stops_no_rollback(
    store: SqliteStore, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(store, "service_state", away)

    assert _checksum(store, make.rollback()) == ""
