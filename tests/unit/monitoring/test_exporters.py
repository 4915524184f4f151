"""A data file of an exporter that lacks something, or takes what is another's, is named in one sentence."""

from pathlib import Path

import pytest

from monitoring.errors import CatalogError
from monitoring.exporters import PARTS, load_exporters, site_files

PARTS_TEXT = "".join(f"__exporter_{part}: {{}}\n" for part in PARTS)
PROGRAM = f"__exporter_program: {{packages: [p], binaries: {{p: p}}}}\n__exporter_own: {{}}\n{PARTS_TEXT}"


def data(jobs: str) -> bytes:
    return f"__exporter_jobs: {{{jobs}}}\n{PROGRAM}".encode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            data("mine: {groups: [a], port: 1}").replace(b"__exporter_flags", b"flags"),
            "mine.yml to say __exporter_flags too",
        ),
        (data("mine: {groups: [a], port: 1}").replace(b"{p: p}", b"{}"), "binaries that name no program"),
        (b"\x9b", "in .*mine.yml, found UnicodeDecodeError"),
        (b"- x", "in .*mine.yml, found TypeError"),
        (data("mine: {port: 1}"), "found KeyError\\('groups'\\)"),
        (data("mine: {groups: [a], port: x}"), "a port that is no number"),
        (data("mine: {groups: a, port: 1}"), "groups or packages that are no lists"),
        (data("mine: {groups: [a], port: 1}, more: {port: 2}"), "found KeyError\\('groups'\\)"),
        (data("mine: {groups: [a], port: 9}"), "expected each port in one exporter .* 9 in mine and other"),
        (data("mine: {groups: [a], port: 1}, other: {groups: [], port: 1}"), "found other in mine and other"),
    ],
)
def test_a_broken_data_file_is_refused(tmp_path: Path, text: bytes, found: str) -> None:
    (tmp_path / "other.yml").write_bytes(data("other: {groups: [a], port: 9}"))
    (tmp_path / "mine.yml").write_bytes(text)

    with pytest.raises(CatalogError, match=found):
        load_exporters(tmp_path)


def test_a_site_adds_an_exporter_by_a_file_of_its_own(tmp_path: Path) -> None:
    ours, own = tmp_path / "ours", tmp_path / "mine.yml"
    ours.mkdir()
    (ours / "other.yml").write_bytes(data("other: {groups: [a], port: 9}"))
    own.write_bytes(data("mine: {groups: [a], port: 1}"))

    assert list(load_exporters(ours, [str(own)])) == ["other", "mine"]


@pytest.mark.parametrize("name", ["other.yml", "main.yml", "mine.yaml", "Mine.yml", "my_own.yml"])
def test_a_file_of_a_site_that_names_no_new_exporter_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.yml").write_bytes(data("other: {groups: [a], port: 9}"))

    with pytest.raises(CatalogError, match=f"exporter_files: expected each file .* found /srv/{name}"):
        load_exporters(tmp_path, [f"/srv/{name}"])


def test_a_file_of_a_site_that_is_not_there_and_one_named_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"in /srv/mine\.yml, found FileNotFoundError"):
        load_exporters(tmp_path, ["/srv/mine.yml"])
    with pytest.raises(CatalogError, match=r"expected each file .* found /srv/b/mine\.yml"):
        load_exporters(tmp_path, ["/srv/a/mine.yml", "/srv/b/mine.yml"])


def test_a_site_names_the_same_files_on_all_its_hosts() -> None:
    said = {"exporter_files": ["/srv/mine.yml"]}

    assert site_files({"a": said, "b": said}, ["a", "b"]) == ("/srv/mine.yml",)
    assert site_files({"a": {}, "b": {"exporter_files": []}}, ["a", "b"]) == ()
    with pytest.raises(CatalogError, match=r"found \(\) for b and \['/srv/mine.yml'\] for a"):
        site_files({"a": said, "b": {}}, ["a", "b"])
    with pytest.raises(CatalogError, match=r"found '/srv/mine\.yml' for a"):
        site_files({"a": {"exporter_files": "/srv/mine.yml"}}, ["a"])
