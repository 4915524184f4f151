"""The provisioning files and the dashboards, read as Grafana reads them, and more strictly."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .refusing import RefusedError, once, only

SOURCE = (
    *("name", "uid", "type", "access", "orgId", "url", "user", "database", "basicAuth", "basicAuthUser"),
    *("withCredentials", "isDefault", "jsonData", "secureJsonData", "editable", "version", "correlations"),
)
PROVIDER = (
    *("name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds"),
    *("allowUiUpdates", "editable", "options"),
)
JSON_DATA = ("httpMethod", "timeInterval", "tlsAuthWithCACert", "tlsSkipVerify", "serverName", "manageAlerts")
SECRET_DATA = ("basicAuthPassword", "tlsCACert")

Json = dict[str, Any]


def sources(directory: Path) -> list[Json]:
    """Every data source."""
    found = [
        _source(str(path), one)
        for path, file in _files(directory / "datasources", ("datasources", "deleteDatasources"))
        for one in file["datasources"]
    ]
    once("datasources", "uid", [one["uid"] for one in found])
    once("datasources", "default", ["default" for one in found if one.get("isDefault")])
    return found


def _source(where: str, found: Any) -> Json:
    one = only(where, found, SOURCE, ("name", "uid", "type", "access", "url"))
    only(f"{where} jsonData", one.get("jsonData", {}), JSON_DATA, ())
    secret = only(f"{where} secureJsonData", one.get("secureJsonData", {}), SECRET_DATA, ())
    if one["type"] != "prometheus" or one["access"] != "proxy":
        raise RefusedError(f"{where}: expected the type prometheus by proxy, found {one['type']}")
    if one.get("basicAuth") and not (one.get("basicAuthUser") and secret.get("basicAuthPassword")):
        raise RefusedError(f"{where}: expected a user and a password for basicAuth")
    return {key: _expanded(value) for key, value in one.items()}


def providers(directory: Path) -> list[Json]:
    """Every provider of dashboards."""
    return [
        dict(only(str(path), one, PROVIDER, ("name", "type", "options")))
        for path, file in _files(directory / "dashboards", ("providers",))
        for one in file["providers"]
    ]


def dashboards(provider: Json) -> dict[str, str]:
    """The titles of a provider's dashboards by uid."""
    directory = Path(
        only(provider["name"], provider["options"], ("path", "foldersFromFilesStructure"), ("path",))["path"]
    )
    if not directory.is_dir():
        raise RefusedError(f"{provider['name']}: expected dashboards in {directory}, found no directory")
    found = [(path, json.loads(path.read_text("utf-8"))) for path in sorted(directory.rglob("*.json"))]
    for path, page in found:
        if not page.get("uid") or not page.get("title"):
            raise RefusedError(f"{path}: expected a uid and a title")
    once(str(directory), "uid", [page["uid"] for _, page in found])
    once(str(directory), "title", [page["title"] for _, page in found])
    return {page["uid"]: page["title"] for _, page in found}


def _files(directory: Path, lists: tuple[str, ...]) -> Iterator[tuple[Path, Json]]:
    if not directory.is_dir():
        raise RefusedError(f"expected the directory {directory}")
    for path in sorted(directory.glob("*.y*ml")):
        file = yaml.safe_load(path.read_text("utf-8"))
        yield path, dict(only(str(path), file, ("apiVersion", *lists), ("apiVersion", lists[0])))


def _expanded(value: Any) -> Any:
    """The value with variables of the environment in the place of their names; `$$` is a dollar."""
    if isinstance(value, dict):
        return {key: _expanded(inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    return "$".join(os.path.expandvars(part) for part in value.split("$$"))
