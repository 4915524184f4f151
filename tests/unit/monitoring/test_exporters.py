"""A data file of an exporter that lacks something, or takes what is another's, is named in one sentence."""

from pathlib import Path

import pytest

from monitoring.errors import CatalogError
from monitoring.exporters import load_exporters

PROGRAM = "__exporter_program: {packages: [p]}\n__exporter_own: {}\n"


def data(jobs: str) -> bytes:
    return f"__exporter_jobs: {{{jobs}}}\n{PROGRAM}".encode()


@pytest.mark.parametrize(
    ("text", "found"),
    [
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
