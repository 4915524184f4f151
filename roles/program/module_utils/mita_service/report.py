"""What the task shows of a plan: Ansible's diff entries, secrets masked. Pure."""

from collections.abc import Mapping
from typing import Any

from .disk import Found, as_found
from .model import File
from .plan import Plan

MASK = "(secret)"


Entry = dict[str, Any]


def diffs(plan: Plan, found: Mapping[str, Found | None], secret_paths: frozenset[str]) -> list[Entry]:
    """Return one entry for each changed file, in the order in which the task names the files."""
    shown = [entry for file in plan.writes for entry in _file_diffs(file, found[file.path])]
    return shown + [_removed(path, found[path], secret_paths) for path in plan.prunes]


def _file_diffs(file: File, before: Found | None) -> list[Entry]:
    after = as_found(file)
    if before is None:
        return [_entry(file.path, "", _text(after, file.secret), "(new secret)" if file.secret else None)]
    shown = []
    if before.content != after.content:
        mask = "(secret changed)" if file.secret else None
        shown.append(_entry(file.path, _text(before, file.secret), _text(after, file.secret), mask))
    if _attributes(before) != _attributes(after):
        shown.append(_entry(file.path, _attributes(before), _attributes(after), None))
    return shown


def _removed(path: str, before: Found | None, secret_paths: frozenset[str]) -> Entry:
    text = MASK + "\n" if path in secret_paths else _text(before, False)
    return {"before_header": path, "after_header": f"{path} (removed)", "before": text, "after": ""}


def _entry(path: str, before: str, after: str, mask: str | None) -> Entry:
    entry = {"before_header": path, "after_header": path, "before": before, "after": after}
    return {**entry, "after": f"{mask}\n"} if mask else entry


def _text(found: Found | None, secret: bool) -> str:
    if found is None:
        return ""
    return f"{MASK}\n" if secret else found.content.decode(errors="replace")


def _attributes(found: Found) -> str:
    return f"owner {found.owner}, group {found.group}, mode {found.mode:04o}\n"
