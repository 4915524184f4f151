"""What a stack watches and whom it tells: around.yml, beside the pods of the chart instead of by Compose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from docker.models.containers import Container

from devtools.paths import REPO
from harness.containers.chart_node import Node

FILE = Path(__file__).with_name("around.yml")
ORDER = ("postgres", "redis", "receivers", "app")


class _Loader(yaml.SafeLoader):
    """Compose's own tags mean nothing here."""


def _sequence(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node, deep=True)


_Loader.add_constructor("!override", _sequence)


def around(node: Node, place: Path) -> dict[str, Container]:
    """Everything that around.yml has beside the stack; *place* is where its files are."""
    services = yaml.load(FILE.read_text(encoding="utf-8"), Loader=_Loader)["services"]  # noqa: S506 - a safe one
    return {name: _started(node, name, services[name], place) for name in ORDER}


def _started(node: Node, name: str, service: Mapping[str, Any], place: Path) -> Container:
    made = node.beside(
        name,
        service["image"],
        init=service["init"],
        user=service.get("user"),
        command=_plain(service["command"]),
        environment=_plain(service.get("environment", {})),
        ports={f"{port.rpartition(':')[2]}/tcp": ("127.0.0.1", None) for port in service.get("ports", [])},
        volumes={
            str(_source(one["source"], place)): {"bind": one["target"], "mode": "ro"}
            for one in service.get("volumes", [])
        },
    )
    made.reload()
    return made


def _plain(said: Any) -> Any:
    """As Compose understands a text: two dollars are one."""
    if isinstance(said, Mapping):
        return {name: _plain(value) for name, value in said.items()}
    return [_plain(one) for one in said] if isinstance(said, list) else said.replace("$$", "$")


def _source(said: str, place: Path) -> Path:
    """Compose reads paths from monitoring/."""
    return (
        Path(said.replace("${SCENE}", str(place)))
        if said.startswith("$")
        else (REPO / "monitoring" / said).resolve()
    )
