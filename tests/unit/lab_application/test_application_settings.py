"""A host that forgot a variable, and a release without a manifest, are told what is missing."""

import json
from pathlib import Path

import pytest

from application.faults import FaultError
from application.settings import Settings, SettingsError


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"name": "mita-backend", "version": "2.0.0", "fault": {"no-metrics": {}}}))
    return {
        "DATABASE_URL": "postgresql://db",
        "REDIS_URL": "redis://cache",
        "PROMETHEUS_MULTIPROC_DIR": "/run/metrics",
        "MITA_MANIFEST": str(manifest),
    }


def test_release_gives_version_and_faults_and_the_host_the_rest(environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment)

    assert settings.version == "2.0.0"
    assert [fault.name for fault in settings.faults] == ["no-metrics"]
    assert (settings.port, settings.workers, settings.lab) == (8080, 2, False)


@pytest.mark.parametrize("value", ["0", "", "true", "yes"])
def test_only_a_one_makes_it_the_lab(environment: dict[str, str], value: str) -> None:
    assert not Settings.from_environment(environment | {"MITA_LAB": value}).lab
    assert Settings.from_environment(environment | {"MITA_LAB": "1"}).lab


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"])
def test_missing_variable_is_named(environment: dict[str, str], name: str) -> None:
    del environment[name]

    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(environment)


@pytest.mark.parametrize("text", ["", "[]", '{"name": "mita-backend"}', "not json"])
def test_manifest_without_a_version_is_refused_with_its_path(environment: dict[str, str], text: str) -> None:
    Path(environment["MITA_MANIFEST"]).write_text(text)

    with pytest.raises(SettingsError, match=r"manifest\.json"):
        Settings.from_environment(environment)


def test_fault_that_this_release_does_not_know_is_refused(environment: dict[str, str]) -> None:
    Path(environment["MITA_MANIFEST"]).write_text('{"version": "1", "fault": {"error-ratio": {"rate": 1}}}')

    with pytest.raises(FaultError, match="error-ratio"):
        Settings.from_environment(environment)
