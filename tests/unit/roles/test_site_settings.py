"""A setting that the daemon does not know is named, with the nearest that it does."""

from typing import Any

import pytest

from playbooks.filter_plugins.mita_settings import setting_problems

GROUPS = {"rollback": ["watch"], "application": ["app1"]}


def told(settings: Any, host: str = "watch") -> list[str]:
    return setting_problems({"watch": {}, "app1": {}, host: {"rollback_settings": settings}}, GROUPS)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cooldwn": "5m"}, "found cooldwn; is cooldown meant?"),
        ({"executor": {"timeot": "5m"}}, "found executor.timeot; is timeout meant?"),
        ({"stop_grace": "5s"}, "found stop_grace; it stands under executor: {executor: {stop_grace: ...}}"),
        ({"executor": {"cooldown": "5m"}}, "found executor.cooldown; it stands beside executor"),
        ({"zzz": 1}, "found zzz; leave it out"),
        ({7: 1}, "found 7; leave it out"),
    ],
)
def test_a_setting_that_nobody_knows_is_named(settings: Any, says: str) -> None:
    (said,) = told(settings)

    assert (
        said.startswith("rollback_settings of watch: expected settings of docs/settings.md") and says in said
    )


@pytest.mark.parametrize(
    "settings",
    [{"cooldown": "5m", "executor": {"timeout": "5m"}, "triggers": {"mine": "off"}}, {}, None, ["cooldwn"]],
)
def test_settings_that_the_daemon_has_pass(settings: Any) -> None:
    """What is no dictionary is named by its shape, elsewhere."""
    assert told(settings) == []


def test_hosts_without_a_daemon_are_not_asked() -> None:
    assert told({"cooldwn": "5m"}, host="app1") == []
