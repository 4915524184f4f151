"""What a removal refuses before anything is touched."""

from pathlib import Path

import pytest

from roles.program.module_utils.mita_service.model import RequestError
from roles.program.module_utils.mita_service.removal import Leaving, remove


@pytest.mark.parametrize(
    "path", ["", "/", "/opt", "relative/x", "/opt/../etc", "/var/lib", "/var/lib/", "/var/backups"]
)
def test_a_folder_that_others_use_is_not_removed(path: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing was removed"):
        remove(Leaving(services=(), data=(path,)), check_mode=True, manifests=tmp_path)


def test_a_folder_of_its_own_may_go(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    leaving = Leaving(services=(), data=(str(tmp_path / "own"),), keep_data=False)

    assert remove(leaving, check_mode=True, manifests=tmp_path) == [str(tmp_path / "own")]
