"""docs/requirements.md and scripts/rollback/README.md lead to what is there."""

import re

from devtools.paths import REPO
from tests.consistency.test_runbooks import HEADINGS

PAGE = (REPO / "docs" / "requirements.md").read_text(encoding="utf-8")
FILES = PAGE.split("## Files")[1].split("\n## ")[0]
TEMPLATE = (REPO / "scripts" / "rollback" / "README.md").read_text(encoding="utf-8")


def test_each_file_of_ours_is_there() -> None:
    rows = [
        [cell.strip() for cell in row.split("|")[1:3]] for row in FILES.splitlines() if row.startswith("| `")
    ]
    named = [
        path
        for theirs, ours in rows
        for path in re.findall(r"`([^`]+)`", theirs if ours.startswith("the same") else ours)
    ]

    assert len(named) > 10
    assert not [path for path in named if not any(REPO.glob(path.rstrip("/")))]


def test_template_of_a_runbook_is_section_8_and_has_the_parts_of_a_runbook() -> None:
    section = TEMPLATE.split("## 8. ")[1]

    assert re.findall(r"^## (.*)$", section, re.M) == HEADINGS
    assert "```sh host=monitor" in section
