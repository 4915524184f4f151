"""The Helm chart: what it renders, and its page of switches. `python -m devtools.chart` writes that page."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from devtools.cluster_tools import cluster_tool
from devtools.errors import UserError
from devtools.paths import REPO

CHART = REPO / "k8s" / "monitoring"
PAGE = CHART / "README.md"
RELEASE, NAMESPACE = "mita-monitoring", "monitoring"
HEAD = """\
# The chart's switches

Generated from `values.schema.json` and `values.yaml` by `python -m devtools.chart`; a test fails when it
differs. How to install, and what is proven: [docs/kubernetes.md](../../docs/kubernetes.md).

| switch | default | meaning |
| --- | --- | --- |
"""

Object = dict[str, Any]


class RefusedError(UserError):
    """helm refused the values; its words are the message."""


def rendered(
    *files: Path, values: Mapping[str, Any] | None = None, name: str = RELEASE, chart: Path = CHART
) -> list[Object]:
    """The objects that helm would send, from these files of values with *values* laid over them."""
    argv = [str(cluster_tool("helm")), "template", name, str(chart), f"--namespace={NAMESPACE}"]
    argv += [f"--values={file}" for file in files] + ["--values=-"]
    done = subprocess.run(argv, input=json.dumps(values or {}), capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("walk.go:")]
        raise RefusedError("\n".join(said))
    return [one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one]


def page() -> str:
    """The page of switches."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| `{name}` | {_shown(default)} | {meaning} |"
        for name, default, meaning in switches(schema, defaults)
    ]
    return HEAD + "\n".join(rows) + "\n"


def switches(schema: Mapping[str, Any], defaults: Any) -> Iterator[tuple[str, Any, str]]:
    """Each switch with its default and what it means, in the schema's order."""
    yield from _switches(schema, defaults, "", schema["definitions"])


def _switches(
    part: Mapping[str, Any], defaults: Any, path: str, shared: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    for name, one in part["properties"].items():
        if path == "" and name == "global":
            continue
        whole = shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        place, default = f"{path}{name}", defaults[name]
        inner = whole.get("properties") if isinstance(default, Mapping) and default else None
        if inner and "$ref" in one:
            yield place, default, f"{one['description']} {_parts(inner)}"
        elif inner:
            yield from _switches(whole, default, f"{place}.", shared)
        else:
            yield place, default, one["description"]


def _parts(inner: Mapping[str, Any]) -> str:
    return " ".join(f"`{name}`: {one['description']}" for name, one in inner.items())


def _shown(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False) if not isinstance(default, str) else default
    return f"`{text}`" if text else "(empty)"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
