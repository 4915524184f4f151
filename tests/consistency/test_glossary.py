"""Our words: each stands once in the glossary and is in use; a file's name means one thing in every room."""

import re
import subprocess
from collections import defaultdict

import pytest

from devtools.paths import REPO

GLOSSARY = REPO / "docs" / "glossary.md"
ROOMS = ("application", "compliance", "devtools", "harness", "monitoring", "rollback", "ruletools")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GLOSSARY.read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| word", "| ---"))
]
SAME_IN_EVERY_ROOM = frozenset(
    {"__init__", "__main__", "app", "cli", "errors", "metrics", "report", "run", "settings", "status"}
)
"""File names that stand for the same kind of thing wherever they are."""
SUBJECTS = "build durations host judging pagerduty playbook ports rollbacks runbooks slack views"
SAME_SUBJECT = frozenset(SUBJECTS.split())
"""File names of two rooms that are about one subject, seen from both sides; a third room wants another."""
MAP = "| `harness/`"


def tracked(*places: str) -> list[str]:
    """The files of the repository, also those that are not committed yet."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *places]
    listed = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=True)
    return sorted({name for name in listed.stdout.split() if (REPO / name).is_file()})


def elsewhere() -> str:
    """Everything that is written in code and pages, in lower case, without the glossary itself."""
    left_out = ("docs/glossary.md", "tests/consistency/test_glossary.py")
    names = [n for n in tracked() if n.endswith((".md", ".py", ".yml")) and n not in left_out]
    return "\n".join((REPO / name).read_text("utf-8") for name in names).lower()


def test_a_word_has_one_meaning_in_one_sentence() -> None:
    words = [word for word, _ in ROWS]

    assert len(words) > 50
    assert sorted(set(words)) == sorted(words)
    assert [word for word, meaning in ROWS if not meaning or re.search(r"\.( |$)", meaning)] == []


def test_every_word_is_in_use() -> None:
    text = elsewhere()

    def used(word: str) -> bool:
        name = word.removesuffix(" of a decision").removesuffix(" of a rollback")
        return bool(re.search(rf"\b{name.replace(' ', '[ _-]')}(s|es)?\b", text))

    assert [word for word, _ in ROWS if not used(word)] == []


def test_a_file_in_two_rooms_has_two_names() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for name in tracked(*ROOMS):
        place, _, file = name.rpartition("/")
        parts = place.split("/")
        if file.endswith(".py"):
            room = "/".join(parts[:2]) if parts[0] == "harness" else parts[0]
            homes[file.removesuffix(".py")].add(room)
    several = {name: rooms for name, rooms in homes.items() if len(rooms) > 1}

    assert set(several) - SAME_IN_EVERY_ROOM - SAME_SUBJECT == set()
    assert {name: rooms for name, rooms in several.items() if name in SAME_SUBJECT and len(rooms) > 2} == {}
    assert set(several) >= SAME_SUBJECT, "an exception that is needed no more"


@pytest.mark.parametrize("room", sorted(p.parent.name for p in (REPO / "harness").glob("*/__init__.py")))
def test_every_room_of_the_bench_is_on_the_map_and_says_what_it_is(room: str) -> None:
    page = (REPO / "README.md").read_text("utf-8")
    [row] = [line for line in page.splitlines() if line.startswith(MAP)]
    purpose = (REPO / "harness" / room / "__init__.py").read_text("utf-8")

    assert f"`{room}`" in row
    assert re.match(r'"""[A-Z`].{30,}', purpose)
