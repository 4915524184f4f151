"""The queue in front of Slack and the looks at what ended are told what the roles tell them."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

import closing.settings
import relay.settings
from devtools import chart
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_closing import closing_settings
from roles.alertmanager.filter_plugins.mita_relay import relay_files
from tests.unit.chart.matrix import PROD, SMALL, VALUES, objects
from tests.unit.chart.test_content import mounted

pytestmark = pytest.mark.slow
SCRIPT = chart.CHART / "files" / "closing_settings.py"
NATIVE = chart.CHART / "files" / "alertmanager.yml"


def test_the_queue_is_told_what_the_role_tells_it(tmp_path: Path) -> None:
    files = mounted("prod", "alertmanager", "relay")
    native = [{"path": "alertmanager.yml", "content": NATIVE.read_text(encoding="utf-8")}]
    theirs = relay_files(native, 9096, time_scale=1, directory="/x")
    assert json.loads(files["relay.json"]) == json.loads(theirs[0]["content"])
    (tmp_path / "relay.json").write_bytes(files["relay.json"])
    told = relay.settings.load(tmp_path / "relay.json")
    assert {f"secrets/{name}" for name in told.addresses} == set(files) - {"relay.json"}


@pytest.mark.parametrize("values", [name for name in VALUES if name != "sited"])
def test_a_site_with_slack_speaks_to_it_through_the_queue_alone(values: str) -> None:
    config = read_yaml(mounted(values, "alertmanager")["alertmanager.yml"])
    entries = [one for each in config["receivers"] for one in each.get("slack_configs", [])]
    assert {one["api_url"] for one in entries} == {"http://127.0.0.1:9096/slack_webhook_url"}
    assert "slack_api_url_file" not in config["global"]


def test_without_the_queue_alertmanager_speaks_to_slack_itself() -> None:
    found = chart.rendered(
        SMALL, values={"alertmanager": {name: {"enabled": False} for name in ("relay", "closing")}}
    )
    (workload,) = (
        one
        for one in found
        if one["kind"] == "StatefulSet" and one["metadata"]["name"].endswith("-alertmanager")
    )
    pod = workload["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["alertmanager"]
    assert {one["name"] for one in pod["volumes"]} == {"config"}
    assert "slack_api_url_file" in str(found)
    assert "9096" not in str(found)


def test_a_site_without_slack_has_no_queue() -> None:
    found = chart.rendered(
        PROD, values={"alertmanager": {"without": {"slack": "none here"}}, "rollback": {"slack": False}}
    )
    assert "slack_webhook_url" not in str(found)
    assert not any(one["metadata"]["name"].endswith("-relay") for one in found)


@pytest.mark.parametrize(
    ("pod", "tells"), [("mita-monitoring-alertmanager-0", True), ("x-alertmanager-1", False)]
)
def test_the_looks_are_told_what_the_role_tells_them(
    pod: str, tells: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = mounted("prod", "alertmanager", "closing")
    (tmp_path / "alertmanager.yml").write_bytes(files["alertmanager.yml"])
    begun: list[list[str]] = []
    monkeypatch.setenv("POD_NAME", pod)
    monkeypatch.setattr(os, "execv", lambda _program, argv: begun.append(argv))
    settings = tmp_path / "closing.json"
    (container,) = (one for one in _pod()["containers"] if one["name"] == "closing")
    place, retention, _ = container["args"]
    assert place == "/etc/mita-closing/alertmanager.yml"
    _script().main(str(tmp_path / "alertmanager.yml"), retention, str(settings))
    theirs = closing_settings(
        files["alertmanager.yml"].decode(),
        {"url": "http://127.0.0.1:9093/-/ready"},
        every_s=15,
        retention="120h",
        time_scale=1,
        digest=tells,
    )
    assert json.loads(settings.read_text()) == json.loads(theirs)
    told = closing.settings.load(settings)
    assert bool(told.digest) == tells
    assert told.inhibitions
    assert begun == [[*begun[0][:4], f"--settings={settings}", *begun[0][5:]]]
    assert begun[0][1:4] == ["-P", "-m", "closing"]


def test_what_is_mounted_is_the_script_of_the_chart() -> None:
    assert mounted("prod", "alertmanager", "closing")["closing_settings.py"] == SCRIPT.read_bytes()


def test_each_keeps_what_it_knows_on_the_volume_of_its_alertmanager() -> None:
    kept = {
        one["name"]: {
            mount["mountPath"]: mount.get("subPath")
            for mount in one["volumeMounts"]
            if mount["name"] == "data"
        }
        for one in _pod()["containers"]
    }
    assert kept == {
        "alertmanager": {"/alertmanager": None},
        "relay": {"/var/lib/mita-relay": "relay"},
        "closing": {"/var/lib/mita-closing": "closing"},
    }


def _pod() -> Any:
    return objects("prod").get("StatefulSet", "mita-monitoring-alertmanager")["spec"]["template"]["spec"]


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("closing_settings", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
