"""What would stop a run later is said before it starts."""

from pathlib import Path

import pytest

from devtools.errors import UserError
from harness.lab import preflight


def test_enough_disk_is_silent(tmp_path: Path) -> None:
    preflight.check_disk({tmp_path: 0.0001})


def test_too_small_a_disk_names_place_need_and_find(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"expected 1000000\.0 GiB free for {tmp_path}, found \d+\.\d; free"):
        preflight.check_disk({tmp_path: 1e6})


def test_needs_on_one_file_system_are_added_up(tmp_path: Path) -> None:
    first, second = tmp_path / "not" / "yet" / "made", tmp_path

    with pytest.raises(UserError, match=r"expected 1000000\.0 GiB free"):
        preflight.check_disk({first: 4e5, second: 6e5})
