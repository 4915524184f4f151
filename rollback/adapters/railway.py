"""Bring a service of Railway back to a version: a program for the executor `command`.

A version is the commit that Railway built, or the tag of the image that it runs: what its deployments say of
themselves. The newest deployment of that version that may be gone back to is asked for, and waited for. Exit
status 0: done. Progress is told in the file that MITA_ROLLBACK_EVENTS names. It needs only the standard
library: `python3 -P .../rollback/adapters/railway.py --help`.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

API = "https://backboard.railway.com/graphql/v2"
LIST = """
query deployments($input: DeploymentListInput!, $first: Int) {
  deployments(input: $input, first: $first) { edges { node { id status createdAt canRollback meta } } }
}"""
UNDO = "mutation rollback($id: String!) { deploymentRollback(id: $id) }"
MOST, TIMEOUT_S, PATIENCE_S, PAUSE_S = 50, 20.0, 270.0, 3.0
LIVE, ENDED = "SUCCESS", ("FAILED", "CRASHED", "SKIPPED")
SHORTEST_COMMIT = 7

Deployment = Mapping[str, Any]


class RailwayError(Exception):
    """It cannot be done; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it, or with --rehearse only see whether it could be done."""
    options = _parser().parse_args(arguments)
    try:
        railway = _Railway(options)
        before = railway.deployments()
        if options.rehearse:
            _tell(options.service, "live", _live(before))
        found = next((one for one in before if is_of(one, options.to) and one.get("canRollback")), None)
        if found is None:
            raise RailwayError(
                f"expected a deployment of {options.to} that may be gone back to among the last "
                f"{len(before)}, found none; Railway keeps them for as long as the plan says"
            )
        if options.rehearse:
            _tell(options.service, "rehearsal", "ok")
        elif not (before[0]["status"] == LIVE and is_of(before[0], options.to)):
            railway.undo(str(found["id"]))
            railway.wait(options.to, {str(one["id"]) for one in before}, options.pause)
    except RailwayError as error:
        if options.rehearse:
            _tell(options.service, "rehearsal", "failed", str(error))
        print(f"railway: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def is_of(one: Deployment, version: str) -> bool:
    """Whether a deployment is of that version."""
    meta = one.get("meta") or {}
    commit, image = str(meta.get("commitHash") or ""), str(meta.get("image") or "")
    short = len(version) >= SHORTEST_COMMIT and commit.startswith(version)
    return version != "" and (short or version in (commit, image.rpartition(":")[2] if image else ""))


class _Railway:
    """The public API, asked with one token about one service."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._api = options.api
        self._of = {
            "projectId": options.project,
            "environmentId": options.environment,
            "serviceId": options.service_id,
        }
        token = _token(options.token_file)
        kinds = {"project": ("Project-Access-Token", token), "account": ("Authorization", f"Bearer {token}")}
        name, value = kinds[options.token_kind]
        self._headers = {"Content-Type": "application/json", "User-Agent": "mita-rollback", name: value}

    def deployments(self) -> list[Deployment]:
        """The last deployments, newest first."""
        found = self._ask(LIST, {"input": self._of, "first": MOST})
        try:
            nodes = [edge["node"] for edge in found["deployments"]["edges"]]
            return sorted(nodes, key=lambda one: str(one["createdAt"]), reverse=True)
        except (KeyError, TypeError) as error:
            said = json.dumps(found)[:300]
            raise RailwayError(f"expected a list of deployments of Railway, found {said}") from error

    def undo(self, deployment: str) -> None:
        """Ask for the rollback."""
        if self._ask(UNDO, {"id": deployment})["deploymentRollback"] is not True:
            raise RailwayError(f"expected Railway to go back to deployment {deployment}, it did not say yes")

    def wait(self, version: str, known: set[str], pause: float) -> None:
        """Wait until a deployment that was not *known* before is live with the version.

        A look that fails says nothing about the rollback, which goes on at Railway: there is another.
        """
        until, status = time.monotonic() + PATIENCE_S, "no deployment"
        while time.monotonic() < until:
            try:
                found = self.deployments()
            except RailwayError as error:
                found, status = [], str(error)
            new = [one for one in found if str(one["id"]) not in known and is_of(one, version)]
            status = str(new[0]["status"]) if new else status
            if status == LIVE:
                return
            if status in ENDED:
                raise RailwayError(f"the deployment that goes back to {version} ended as {status}")
            time.sleep(pause)
        raise RailwayError(f"{version} is not live after {PATIENCE_S:.0f} s; the last look found: {status}")

    def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._api, data=body, headers=self._headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RailwayError(
                f"Railway answered {error.code}: {error.read(300).decode(errors='replace')}"
            ) from error
        except (OSError, ValueError) as error:
            raise RailwayError(f"expected an answer of {self._api}, found: {error}") from error
        if not isinstance(found, dict) or found.get("errors") or not found.get("data"):
            said = found.get("errors") if isinstance(found, dict) else found
            raise RailwayError(f"Railway refused: {json.dumps(said)[:300]}")
        return found["data"]


def _token(path: Path) -> str:
    """The token of a file; what http.client would refuse, it would show."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RailwayError(f"expected a token in {path}, found: {error}") from error
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise RailwayError(f"expected one token in {path}, found none, or signs that no token has")
    return token


def _live(found: Sequence[Deployment]) -> str:
    """The version that is live, as Railway says it."""
    meta = next((one.get("meta") or {} for one in found if one["status"] == LIVE), {})
    return str(meta.get("commitHash") or str(meta.get("image") or "").rpartition(":")[2] or "none")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--service", required=True, help="what the daemon calls it")
    parser.add_argument("--to", required=True, metavar="VERSION")
    parser.add_argument("--project", required=True, metavar="ID")
    parser.add_argument("--environment", required=True, metavar="ID")
    parser.add_argument("--service-id", required=True, metavar="ID")
    parser.add_argument("--token-file", required=True, type=Path, metavar="FILE")
    parser.add_argument("--token-kind", choices=["project", "account"], default="project")
    parser.add_argument("--api", default=API, metavar="URL")
    parser.add_argument("--pause", type=float, default=PAUSE_S, metavar="SECONDS", help="between two looks")
    parser.add_argument("--rehearse", action="store_true", help="touch nothing")
    return parser


def _tell(host: str, step: str, status: str, detail: str = "") -> None:
    if path := os.environ.get("MITA_ROLLBACK_EVENTS", ""):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"host": host, "step": step, "status": status, "detail": detail}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
