"""What rendered objects come to in a pod: its files as the kubelet would put them there."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devtools.errors import UserError

Object = Mapping[str, Any]
Files = dict[str, bytes]
WORKLOADS = ("Deployment", "StatefulSet")


class Objects:
    """The objects of one release, by kind and name."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self.all = found
        self._by_name = {(one["kind"], one["metadata"]["name"]): one for one in found}
        if len(self._by_name) != len(found):
            raise UserError("expected each kind and name once, found one twice")

    def get(self, kind: str, name: str) -> Object:
        """The object; UserError where there is none."""
        try:
            return self._by_name[kind, name]
        except KeyError:
            raise UserError(f"expected {kind} {name}, found none") from None

    def of(self, *kinds: str) -> list[Object]:
        """All objects of these kinds."""
        return [one for one in self.all if one["kind"] in kinds]

    def volume(self, pod: Object, name: str) -> Files:
        """The files of a volume of a pod, by path; UserError where something it names is not there."""
        (volume,) = (one for one in pod["volumes"] if one["name"] == name)
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        found: Files = {}
        for source in sources:
            for path, content in self._source(source):
                if path in found:
                    raise UserError(f"expected {path} once in the volume {name}, found it twice")
                found[path] = content
        return found

    def _source(self, source: Object) -> Iterator[tuple[str, bytes]]:
        kind = "ConfigMap" if "configMap" in source else "Secret"
        said = source["configMap"] if "configMap" in source else source["secret"]
        name = said["name"]
        data = _data(self.get(kind, name))
        items = said.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            if item["key"] not in data:
                raise UserError(f"expected the key {item['key']} in {kind} {name}, found none")
            yield item["path"], data[item["key"]]


def _data(one: Object) -> Files:
    plain = {key: text.encode() for key, text in {**one.get("data", {}), **one.get("stringData", {})}.items()}
    if one["kind"] == "Secret":
        plain |= {key: base64.b64decode(text) for key, text in one.get("data", {}).items()}
    return plain


def pod(workload: Object) -> Object:
    """The pod that a workload makes."""
    found: Object = workload["spec"]["template"]["spec"]
    return found


def containers(workload: Object) -> list[Object]:
    """Its containers, those that run before the others first."""
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def secret(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A Secret as a site makes it."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(values)}


def write(files: Files, place: Path) -> Path:
    """The files below *place*."""
    for path, content in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return place
