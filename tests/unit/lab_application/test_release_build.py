"""A release's manifest says what it was asked to be; archives of two systems lie apart."""

import pytest

from devtools.errors import UserError
from harness.release.build import archive_path, build, manifest


def test_manifest_of_a_healthy_release_has_no_fault() -> None:
    assert manifest("1.0.0", []) == {
        "name": "mita-backend",
        "version": "1.0.0",
        "rollback_safe": True,
        "start": ["/usr/bin/python3", "-P", "-m", "application"],
        "environment": {"PYTHONPATH": "$MITA_RELEASE/lib:$MITA_RELEASE/app"},
        "socket": True,
        "fault": None,
    }


def test_manifest_holds_every_fault() -> None:
    fault = manifest("2.0.0", ["error-ratio=0.35", "no-metrics"])["fault"]

    assert fault == {"error-ratio": {"ratio": 0.35}, "no-metrics": {}}


def test_unknown_fault_is_a_sentence_for_the_person_who_typed_it() -> None:
    with pytest.raises(UserError, match=r"--fault: expected one of added-latency.*found 'gremlins'"):
        manifest("2.0.0", ["gremlins"])


@pytest.mark.parametrize("version", ["latest", "", "../1", "1 0", ".1"])
def test_version_that_cannot_be_a_directory_is_refused(version: str) -> None:
    with pytest.raises(UserError, match=r"expected a version such as 2\.0\.0"):
        build(version)


def test_archives_for_debian_12_lie_apart() -> None:
    assert archive_path("1.0.0", "trixie").parent == archive_path("1.0.0", "bookworm").parent.parent
