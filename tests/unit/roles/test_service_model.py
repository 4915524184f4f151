"""What managed_service accepts, and how it says no."""

from typing import Any

import pytest

from roles.program.module_utils.mita_service.model import Apply, RequestError, parse

FILE: dict[str, Any] = {
    "path": "x.yml",
    "content": "a",
    "secret": False,
    "owner": None,
    "group": None,
    "mode": None,
    "apply": None,
}
PARAMS: dict[str, Any] = {
    "name": "x",
    "unit": "[Service]",
    "config_root": "/etc/x",
    "owner": "root",
    "group": "x",
    "files": [FILE],
    "directories": [{"path": "/var/lib/x", "owner": "x", "group": None, "mode": None, "opened": False}],
    "check": [["xtool", "{root}/x.yml"]],
    "command": ["xd", "--flag"],
    "apply": "reload",
    "restart_token": "",
    "reload_metric": None,
    "metrics_url": None,
    "ready": {"url": None, "port": 80, "host": "127.0.0.1", "timeout": 30},
    "start_if_exists": None,
    "timers": [],
    "replaces": [],
}


def test_defaults_come_from_the_module() -> None:
    config, unit = parse(PARAMS).files

    assert (config.path, config.owner, config.group, config.mode) == ("/etc/x/x.yml", "root", "x", 0o640)
    assert config.apply is Apply.RELOAD
    assert (unit.path, unit.mode, unit.apply) == ("/etc/systemd/system/x.service", 0o644, Apply.RESTART)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"files": [{**FILE, "path": "../y"}]}, r"'\.\.'"),
        ({"files": [FILE, {**FILE, "path": "/etc/x/x.yml"}]}, "twice: /etc/x/x.yml"),
        ({"files": [{**FILE, "mode": "rw"}]}, "octal digits"),
        ({"config_root": None}, "no config_root"),
        ({"reload_metric": "x_ok"}, "needs metrics_url"),
    ],
)
def test_contradiction_is_refused_with_what_was_found(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        parse({**PARAMS, **change})
