"""The program for Railway, against a stand-in that has GraphQL's own engine refuse what the API would."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import graphql
import pytest

from rollback.adapters import railway

SCHEMA = graphql.build_schema(
    """
    scalar DateTime
    scalar DeploymentMeta
    enum DeploymentStatus { BUILDING CRASHED DEPLOYING FAILED REMOVED SKIPPED SUCCESS }
    input DeploymentListInput { projectId: String environmentId: String serviceId: String }
    type Deployment {
      id: ID! status: DeploymentStatus! createdAt: DateTime! canRollback: Boolean! meta: DeploymentMeta
    }
    type Edge { cursor: String! node: Deployment! }
    type Connection { edges: [Edge!]! }
    type Query { deployments(input: DeploymentListInput!, first: Int): Connection! }
    type Mutation { deploymentRollback(id: String!): Boolean! }
    """
)
OLD, BAD = "a" * 40, "b" * 40
TOKEN = "planted"


@dataclass
class Service:
    """One service with two deployments; a rollback makes a third."""

    becomes: str = "SUCCESS"
    unreachable: int = 0
    asked: list[str] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(
        default_factory=lambda: [
            _deployment("two", BAD, "2026-11-28T10:00:00Z"),
            _deployment("one", OLD, "2026-11-27T10:00:00Z", status="REMOVED"),
        ]
    )

    def answer(self, headers: Any, body: Any) -> tuple[int, dict[str, Any]]:
        """As the API: a wrong token and a wrong id are errors in a body with status 200."""
        if headers.get("Project-Access-Token") != TOKEN and headers.get("Authorization") != f"Bearer {TOKEN}":
            return 200, {"errors": [{"message": "Not Authorized"}], "data": None}
        if self.asked and self.unreachable:
            self.unreachable -= 1
            return 502, {}
        root = {"deployments": self._list, "deploymentRollback": self._undo}
        found = graphql.graphql_sync(SCHEMA, body["query"], root, variable_values=body["variables"])
        return (200 if found.data else 400), dict(found.formatted)

    def _list(self, _: Any, *, input: dict[str, str], first: int) -> Any:  # noqa: A002 - its name there
        if input != {"projectId": "p", "environmentId": "e", "serviceId": "s"}:
            raise graphql.GraphQLError("Not Authorized")
        for one in self.deployments:
            one["status"] = self.becomes if one["status"] == "DEPLOYING" else one["status"]
        return {"edges": [{"cursor": one["id"], "node": one} for one in self.deployments[:first]]}

    def _undo(self, _: Any, *, id: str) -> bool:  # noqa: A002
        self.asked.append(id)
        (old,) = (one for one in self.deployments if one["id"] == id)
        commit = old["meta"]["commitHash"]
        self.deployments.insert(0, _deployment("three", commit, "2026-11-28T11:00:00Z", status="DEPLOYING"))
        return True


def _deployment(name: str, commit: str, at: str, status: str = "SUCCESS") -> dict[str, Any]:
    return {
        "id": name,
        "status": status,
        "createdAt": at,
        "canRollback": True,
        "meta": {"commitHash": commit},
    }


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    """Where the stand-in answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code, found = service.answer(self.headers, body)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/graphql/v2"
    server.shutdown()
    server.server_close()


def run(address: str, place: Path, to: str, *more: str, token: str = TOKEN) -> int:
    (place / "token").write_text(f"{token}\n")
    given = [
        "--project=p",
        "--environment=e",
        "--service-id=s",
        f"--token-file={place / 'token'}",
        "--pause=0.01",
    ]
    return railway.main(["--service=mita-backend", f"--to={to}", f"--api={address}", *given, *more])


@pytest.mark.parametrize("kind", ["project", "account"])
def test_it_goes_back_to_the_deployment_of_that_version_and_waits(
    address: str, service: Service, tmp_path: Path, kind: str
) -> None:
    assert run(address, tmp_path, OLD, f"--token-kind={kind}") == 0
    assert service.asked == ["one"]
    assert service.deployments[0]["status"] == "SUCCESS"


def test_a_short_commit_is_enough_and_a_shorter_one_is_not() -> None:
    one = _deployment("one", OLD, "now")
    assert railway.is_of(one, OLD[:7])
    assert not railway.is_of(one, OLD[:6])
    assert not railway.is_of(one, "")
    assert railway.is_of({"meta": {"image": "registry:5000/shop:1.0.0"}}, "1.0.0")


def test_a_deployment_that_fails_is_a_failure(
    address: str, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.becomes = "CRASHED"
    assert run(address, tmp_path, OLD) == 1
    assert "ended as CRASHED" in capsys.readouterr().err


def test_a_look_that_fails_while_it_waits_is_followed_by_another(
    address: str, service: Service, tmp_path: Path
) -> None:
    service.unreachable = 2
    assert run(address, tmp_path, OLD) == 0
    assert (service.asked, service.unreachable) == (["one"], 0)


def test_it_says_what_it_saw_last_when_its_patience_ends(
    address: str,
    service: Service,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(railway, "PATIENCE_S", 0.05)
    service.unreachable = 1_000
    assert run(address, tmp_path, OLD) == 1
    assert "is not live after 0 s; the last look found: Railway answered 502" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["planted\nsecond", "planted second", "plänted", " "])
def test_what_is_no_token_is_said_without_it(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    assert run(address, tmp_path, OLD, token=token) == 1
    said = capsys.readouterr().err
    assert "expected one token in" in said
    assert "second" not in said
    assert "nted" not in said.replace(str(tmp_path), "")


@pytest.mark.parametrize("answer", [{"deployments": None}, {"other": 1}, {"deployments": {"edges": [{}]}}])
def test_an_answer_of_another_form_is_said(
    answer: dict[str, Any],
    address: str,
    service: Service,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "answer", lambda *_: (200, {"data": answer}))
    assert run(address, tmp_path, OLD) == 1
    assert "expected a list of deployments of Railway" in capsys.readouterr().err


def test_what_is_live_already_is_left_alone(address: str, service: Service, tmp_path: Path) -> None:
    assert run(address, tmp_path, BAD) == 0
    assert service.asked == []


def test_a_version_that_may_not_be_gone_back_to_is_said(
    address: str, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.deployments[1]["canRollback"] = False
    assert run(address, tmp_path, OLD) == 1
    assert f"expected a deployment of {OLD} that may be gone back to" in capsys.readouterr().err
    assert service.asked == []


def test_a_wrong_token_is_said_without_the_token(
    address: str, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(address, tmp_path, OLD, token="wrong-token") == 1
    said = capsys.readouterr().err
    assert "Not Authorized" in said
    assert "wrong-token" not in said
    assert service.asked == []


def test_a_rehearsal_touches_nothing(
    address: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MITA_ROLLBACK_EVENTS", str(tmp_path / "events"))
    assert run(address, tmp_path, OLD, "--rehearse") == 0
    assert run(address, tmp_path, "c" * 40, "--rehearse") == 1
    steps = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [(one["step"], one["status"]) for one in steps] == [
        ("live", BAD),
        ("rehearsal", "ok"),
        ("live", BAD),
        ("rehearsal", "failed"),
    ]
    assert service.asked == []
