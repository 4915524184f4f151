"""What the action of `managed_service` fetches for a host, and what it asks the host in between."""

import hashlib
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from roles.program.action_plugins.managed_service import ActionModule, downloaded, is_remote
from roles.program.filter_plugins.mita_program import program

CONTENT = b"an archive"
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
PACKAGE = {"name": "xtool", "method": "package", "version": "", "packages": ["xtool", "xtool-data"]}


class Host:
    """A host of which the modules run here say what a test wants; `asked` has each with its parameters."""

    def __init__(self, *answers: dict[str, Any], check_mode: bool = False, **program: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers = list(answers)
        self.action = ActionModule.__new__(ActionModule)
        self.action._task = SimpleNamespace(
            args={"name": "x", "program": {**PACKAGE, **program}}, check_mode=check_mode
        )
        self.action._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
        self.action._templar = SimpleNamespace(evaluate_expression=lambda _: ["xtool", "later"])
        self.action._execute_module = self._execute
        self.action._remove_tmp_path = lambda *_: None

    def _execute(self, *, module_name: str, module_args: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.asked.append((module_name, module_args))
        return self.answers.pop(0)

    def run(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_: {})
        result: dict[str, Any] = self.action.run()
        return result


MISSING = {"missing": True, "url": "", "checksum": ""}


def test_a_host_that_has_the_programs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"missing": False, "changed": False})

    assert host.run(monkeypatch) == {"missing": False, "changed": False}
    assert [name for name, _ in host.asked] == ["managed_service"]


def test_missing_packages_are_installed_with_those_that_the_play_will_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(MISSING, {"changed": True}, {"missing": False, "changed": False}, version="1.2")

    assert host.run(monkeypatch)["changed"]
    assert [name for name, _ in host.asked] == ["managed_service", "ansible.builtin.apt", "managed_service"]
    assert host.asked[1][1]["name"] == ["xtool=1.2*", "xtool-data", "later"]


def test_nothing_is_fetched_in_check_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({**MISSING, "changed": True}, check_mode=True)

    assert host.run(monkeypatch)["changed"]
    assert len(host.asked) == 1


def test_what_apt_says_is_the_tasks_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(MISSING, {"failed": True, "msg": "no such package"})

    assert host.run(monkeypatch)["msg"] == "no such package"
    assert len(host.asked) == 2


def test_a_program_that_apt_did_not_bring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(MISSING, {"changed": True}, MISSING, version="1.2")

    with pytest.raises(AnsibleActionFail, match=r"expected xtool 1.2 to be there after it was installed"):
        host.run(monkeypatch)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """A server with an archive, and how often it was asked."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www/x.tar.gz").write_bytes(CONTENT)
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(tmp_path / "www"))

        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/x.tar.gz", lambda: len(asked)
        server.shutdown()


def test_an_archive_is_downloaded_once_and_again_where_the_kept_one_is_another(
    served: tuple[str, Callable[[], int]], tmp_path: Path
) -> None:
    url, times = served
    cache = tmp_path / "cache"

    path = downloaded(url, CHECKSUM, cache)
    assert (path.read_bytes(), downloaded(url, CHECKSUM, cache), times()) == (CONTENT, path, 1)

    path.write_bytes(b"cut off")
    assert (downloaded(url, CHECKSUM, cache).read_bytes(), times()) == (CONTENT, 2)


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    served: tuple[str, Callable[[], int]], tmp_path: Path
) -> None:
    with pytest.raises(AnsibleActionFail, match=f"found {CHECKSUM}; it is not the pinned file"):
        downloaded(served[0], "sha256:" + "0" * 64, tmp_path / "cache")

    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_server_that_has_no_archive_is_named(served: tuple[str, Callable[[], int]], tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match=r"expected an archive at http://.*/none, found: .*404"):
        downloaded(served[0].replace("x.tar.gz", "none"), CHECKSUM, tmp_path / "cache")


def test_a_file_of_this_machine_is_no_address() -> None:
    assert [is_remote(url) for url in ("https://x/y", "http://x", "/srv/x.tar.gz", "x.tar.gz")] == [
        True,
        True,
        False,
        False,
    ]


def test_programs_are_where_the_method_puts_them() -> None:
    component = {"packages": ["a"], "binaries": {"x": "debian-x"}, "tree": "bin"}

    package = program("xtool", component, packages=["b"])
    archive = program("xtool", component, method="archive", version="1.2")

    assert (package["packages"], package["paths"]) == (["a", "b"], {"x": "/usr/bin/debian-x"})
    assert archive["paths"] == {"x": "/opt/xtool/1.2/bin/x"}
    assert program("prometheus")["paths"]["promtool"] == "/usr/bin/promtool"
