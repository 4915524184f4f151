"""Bundles hold what the host's Python needs, with the same bytes each time."""

import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roles.program.files import build_bundle

pytestmark = pytest.mark.slow

Build = Callable[..., int]
OTHER_PYTHON = "3.13" if sys.version_info[:2] != (3, 13) else "3.12"
DATA = "alpha-1.0.data"


def add_wheel(
    directory: Path, name: str, version: str, *requires: str, files: dict[str, str] | None = None
) -> None:
    """Write a pure wheel with one module, as an index would offer it."""
    directory.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    contents = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
        **(files or {}),
    }
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an index, and sources to bundle."""
    place = tmp_path_factory.mktemp("bundle")
    index = place / "index"
    add_wheel(
        index,
        "alpha",
        "1.0",
        "beta",
        f'gamma; python_version == "{OTHER_PYTHON}"',
        'nowhere; extra == "speed"',
        files={f"{DATA}/purelib/extra.py": "", f"{DATA}/scripts/tool": "", f"{DATA}/headers/a.h": ""},
    )
    add_wheel(index, "beta", "2.0")
    add_wheel(index, "beta", "3.0")
    add_wheel(index, "gamma", "1.0", f'delta; python_full_version < "{OTHER_PYTHON}.3"')
    add_wheel(index, "delta", "1.0")
    (place / "source" / "__pycache__").mkdir(parents=True)
    (place / "source" / "__pycache__" / "main.pyc").touch()
    (place / "source" / "main.py").write_text("print(1)\n")
    (place / "constraints.txt").write_text("beta==2.0\n")
    return place


@pytest.fixture(scope="module")
def build(place: Path) -> Iterator[Build]:
    """Run the builder with that index and no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(place / "index"))
        patch.setenv("PIP_CONFIG_FILE", os.devnull)

        def run(requirements: str, *options: str, python: str = OTHER_PYTHON, out: str = "bundle") -> int:
            (place / "requirements.txt").write_text(requirements)
            common = ["--requirements", str(place / "requirements.txt"), "--python", python]
            common += ["--constraint", str(place / "constraints.txt")]
            common += ["--source", f"{place}/source:app/mine", "--wheels", str(place / "cache")]
            return build_bundle.main([*common, "--out", str(place / f"{out}.tar.gz"), *options])

        yield run


@pytest.fixture(scope="module")
def built(build: Build, place: Path) -> dict[str, bytes]:
    """The files of a bundle of alpha, in the archive's order."""
    assert build("alpha==1.0  # the pin\n", "--manifest", '{"name": "mine"}') == 0
    return unpacked(place / "bundle.tar.gz")


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        streams = {member.name: archive.extractfile(member) for member in archive}
        return {name: stream.read() for name, stream in streams.items() if stream}


def test_bundle_holds_libraries_sources_and_at_last_the_manifest(built: dict[str, bytes]) -> None:
    assert {"lib/alpha.py", "lib/beta.py", "app/mine/main.py"} < set(built)
    assert not [name for name in built if "__pycache__" in name]
    assert list(built)[-1] == "manifest.json"
    assert json.loads(built["manifest.json"]) == {"name": "mine", "python": OTHER_PYTHON}


def test_what_only_the_hosts_python_needs_is_in_the_bundle(built: dict[str, bytes]) -> None:
    assert {"lib/gamma.py", "lib/delta.py"} < set(built)


def test_files_of_a_data_directory_go_where_an_installer_puts_them(built: dict[str, bytes]) -> None:
    assert "lib/extra.py" in built
    assert not [name for name in built if name.endswith(("tool", "a.h"))]


def test_constraints_hold_what_requirements_pull_in(built: dict[str, bytes]) -> None:
    assert built["lib/beta.py"] == b"VERSION = '2.0'\n"


def test_every_file_belongs_to_root_and_has_a_fixed_time(built: dict[str, bytes], place: Path) -> None:
    with tarfile.open(place / "bundle.tar.gz") as archive:
        found = {(member.uid, member.gid, member.mtime) for member in archive}

    assert found == {(0, 0, build_bundle.EPOCH)}


def test_build_without_the_cached_layer_gives_the_same_bytes(
    built: dict[str, bytes], build: Build, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (place / "cache" / "layers").iterdir():
        path.unlink()

    build("alpha==1.0", "--manifest", '{"name": "mine"}', out="again")

    assert (place / "again.tar.gz").read_bytes() == (place / "bundle.tar.gz").read_bytes()
    assert len(capsys.readouterr().out.strip()) == 64


def test_second_build_of_the_same_libraries_asks_no_index(
    built: dict[str, bytes], build: Build, place: Path
) -> None:
    (place / "index").rename(place / "gone")
    stored = [path.rename(place / path.name) for path in place.glob("cache/*/*.whl")]

    status = build("alpha==1.0", "--manifest", '{"version": "2"}', out="second")

    (place / "gone").rename(place / "index")
    assert (status, len(stored)) == (0, 4)
    assert json.loads(unpacked(place / "second.tar.gz")["manifest.json"])["version"] == "2"


@pytest.mark.parametrize(
    ("requirements", "options", "words"),
    [
        ("absent==9", [], "expected pip to find wheels"),
        ("-r other.txt", [], "expected requirements only, found '-r other.txt'"),
        ("", ["--manifest", "[1]"], "expected a JSON object"),
        ("alpha==1.0", ["--source", "/nonexistent/dir"], "found none at /nonexistent/dir"),
        ("", ["--python", "3.13.5"], "such as 3.13, found '3.13.5'"),
    ],
)
def test_build_that_is_not_possible_says_why_and_writes_nothing(
    build: Build,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    requirements: str,
    options: list[str],
    words: str,
) -> None:
    assert build(requirements, *options, out="refused") == 1

    assert words in capsys.readouterr().err
    assert not (place / "refused.tar.gz").exists()
