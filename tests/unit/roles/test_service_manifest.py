"""What is remembered on the host."""

from dataclasses import replace
from pathlib import Path

from roles.program.module_utils.mita_service import manifest
from roles.program.module_utils.mita_service.manifest import Entry, Manifest
from roles.program.module_utils.mita_service.model import Apply, File, Service

KEY = File(path="/etc/x/key", content="k", owner="root", group="x", mode=0o640, secret=True)
SERVICE = Service(name="x", files=(KEY,), restart_token="1")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    manifest.save("x", manifest.finished(SERVICE), tmp_path)

    assert manifest.load("x", tmp_path) == manifest.finished(SERVICE)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600


def test_unknown_service_has_an_empty_manifest(tmp_path: Path) -> None:
    assert manifest.load("x", tmp_path) == Manifest()


def test_before_the_first_write_old_and_new_files_are_known_and_new_ones_unconfirmed() -> None:
    old = Entry(digest="d", apply=Apply.NONE)

    begun = Manifest(files={"/etc/x/old": old}).begun(SERVICE)

    assert begun.files["/etc/x/old"] == old
    assert begun.files[KEY.path] == Entry(digest=None, apply=Apply.RELOAD, secret=True)


def test_confirmed_file_that_does_not_change_stays_confirmed() -> None:
    done = manifest.finished(SERVICE)

    assert done.begun(SERVICE) == done
    assert done.begun(replace(SERVICE, files=(replace(KEY, content="new"),))).files[KEY.path].digest is None
