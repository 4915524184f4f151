"""What is said of an installation that does not answer as it must."""

import json
from typing import Any

import pytest

from roles.program.module_utils.mita_service import probe
from roles.program.module_utils.mita_target import answers

WATCH = {"url": "http://watch:9093"}, {"url": "http://watch2:9093"}
WHOLE = {"status": "ready", "peers": [{"name": "A", "address": "x"}, {"name": "B", "address": "y"}]}
LONELY = {"status": "ready", "peers": [{"name": "B", "address": "y"}]}
DISABLED = {"status": "disabled"}


def troubles(monkeypatch: pytest.MonkeyPatch, *clusters: Any) -> list[str]:
    """What is said of Alertmanagers whose status has these clusters, and of nothing else."""
    told = {
        f"{one['url']}/api/v2/status": {"cluster": each} for one, each in zip(WATCH, clusters, strict=False)
    }
    rest: dict[str, Any] = {"data": {"activeTargets": [], "result": []}}
    monkeypatch.setattr(probe, "get", lambda url, *_: (200, json.dumps(told.get(url, rest))))
    given = {"mode": "server", "prometheus": {"url": "http://watch:9090"}, "targets": [], "heartbeat": ""}
    return answers.troubles(answers.Site({**given, "alertmanagers": WATCH[: len(clusters)]}))


@pytest.mark.parametrize("clusters", [(DISABLED,), (WHOLE, WHOLE)])
def test_one_alertmanager_alone_and_two_that_know_each_other_are_well(
    monkeypatch: pytest.MonkeyPatch, clusters: tuple[Any, ...]
) -> None:
    assert troubles(monkeypatch, *clusters) == []


@pytest.mark.parametrize(("clusters", "known"), [((WHOLE, LONELY), 1), ((WHOLE, DISABLED), 0)])
def test_two_alertmanagers_that_do_not_know_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, clusters: tuple[Any, ...], known: int
) -> None:
    (said,) = troubles(monkeypatch, *clusters)

    assert said.startswith(f"Alertmanager (http://watch2:9093) knows {known} of the 2 members of its cluster")


def test_an_agent_is_asked_for_its_stores_and_never_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(url: str, *_: Any) -> tuple[int, str]:
        asked.append(url.removeprefix("http://watch:9090").partition("?")[0])
        return 200, "up 1" if url.endswith("/metrics") else json.dumps({"data": {"activeTargets": []}})

    monkeypatch.setattr(probe, "get", get)
    site = {"mode": "agent", "prometheus": {"url": "http://watch:9090"}, "targets": [], "heartbeat": ""}

    assert answers.troubles(answers.Site({**site, "alertmanagers": []})) == ["Prometheus writes to no store"]
    assert asked == ["/api/v1/targets", "/metrics"]
