"""What a task shows of its changes."""

from dataclasses import replace

from roles.program.module_utils.mita_service.disk import Found, as_found
from roles.program.module_utils.mita_service.model import Apply, File
from roles.program.module_utils.mita_service.plan import Plan
from roles.program.module_utils.mita_service.report import diffs

CONFIG = File(path="/etc/x/x.yml", content="new\n", owner="root", group="x", mode=0o640)
OLD = Found(content=b"old\n", owner="root", group="x", mode=0o640)


def shown(file: File, before: Found | None) -> list[dict[str, str]]:
    made = Plan(writes=(file,), prunes=(), apply=Apply.RELOAD)
    return [dict(entry) for entry in diffs(made, {file.path: before}, frozenset())]


def test_changed_content_is_shown_from_old_to_new() -> None:
    (entry,) = shown(CONFIG, OLD)

    assert (entry["before"], entry["after"]) == ("old\n", "new\n")


def test_changed_mode_alone_is_shown_as_such() -> None:
    (entry,) = shown(CONFIG, replace(as_found(CONFIG), mode=0o666))

    assert "0666" in entry["before"] and "0640" in entry["after"] and "new" not in entry["after"]


def test_secret_shows_that_it_changed_and_nothing_else() -> None:
    (entry,) = shown(replace(CONFIG, secret=True), OLD)

    assert (entry["before"], entry["after"]) == ("(secret)\n", "(secret changed)\n")


def test_new_secret_is_not_shown() -> None:
    (entry,) = shown(replace(CONFIG, secret=True), None)

    assert (entry["before"], entry["after"]) == ("", "(new secret)\n")


def test_removed_secret_is_not_shown() -> None:
    made = Plan(writes=(), prunes=("/etc/x/key",), apply=Apply.NONE)

    (entry,) = diffs(made, {"/etc/x/key": OLD}, frozenset(["/etc/x/key"]))

    assert "old" not in entry["before"] and entry["after"] == ""
