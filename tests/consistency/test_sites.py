"""No page prints a command that leaves open which site it addresses."""

import re

import pytest

from devtools.paths import REPO

PAGES = sorted([REPO / "README.md", *(REPO / "docs").rglob("*.md"), *(REPO / "playbooks").glob("*.yml")])
COMMAND = re.compile(r"ansible-playbook ([^`\n#]*\.yml[^`\n#]*)")
LAB = "on the lab"
"""What a line says where the inventory is left out on purpose."""


def commands() -> list[tuple[str, str, str]]:
    """Page, command and the line around it, for every command that plays something."""
    return [
        (str(path.relative_to(REPO)), found[1], line)
        for path in PAGES
        for line in path.read_text("utf-8").splitlines()
        for found in COMMAND.finditer(line)
    ]


@pytest.mark.parametrize(("page", "command", "line"), commands())
def test_a_command_names_its_inventory(page: str, command: str, line: str) -> None:
    assert re.search(r"-i inventories/\w+ ", command) or LAB in line, f"{page}: expected -i in {command!r}"


def test_commands_are_found() -> None:
    assert len(commands()) > 60


def test_runbooks_leave_the_site_to_the_daemon_that_serves_them() -> None:
    """It puts its own inventory in the place of this word."""
    named = {found for page, command, _ in commands() if "runbooks" in page for found in inventories(command)}

    assert named == {"inventories/SITE"}


def inventories(command: str) -> list[str]:
    return re.findall(r"-i (\S+)", command)
