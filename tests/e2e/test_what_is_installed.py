"""What the repository says about the lab is what the lab does."""

from pathlib import Path

import pytest

from harness import clients
from harness.rules.findings import Level
from harness.rules.lint import lint

pytestmark = pytest.mark.lab


def test_every_query_has_the_series_that_it_reads(installed: Path) -> None:
    """The committed catalogue of exposed series lets CI ask the same without a lab."""
    found = lint(prometheus=clients.prometheus().base)

    assert [str(finding) for finding in found if finding.level is Level.ERROR] == []
