"""Options are refused in a sentence, whatever was typed, and help says how a run ends."""

from pathlib import Path

import pytest

from harness.cli import main
from harness.load.codes import Code


def harness_load(*arguments: str) -> int:
    return main(["load", *arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "0"), "expected a number above 0, found '0'"),
        (("--duration", "0"), "expected a number above 0, found '0'"),
        (("--rate", "fast"), "expected a number above 0, found 'fast'"),
        (("--error-ratio", "1.5"), "expected a number from 0 to 1, found '1.5'"),
        (("--max-in-flight", "0"), "expected a whole number, 1 or more, found '0'"),
        (("--workers", "1.5"), "expected a whole number, 0 or more, found '1.5'"),
        (("--metrics", "localhost:1"), "expected [ADDRESS:]PORT"),
        (("--fail-above", "p95=1"), "with a time such as 400ms"),
    ],
)
def test_option_that_cannot_be_is_refused_in_a_sentence(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        harness_load(*arguments)

    assert ended.value.code == Code.REFUSED
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--plan", "--journeys"])
def test_file_that_is_not_there_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness_load(option, "/no/such/file", "--target", "http://127.0.0.1:1") == Code.REFUSED
    assert "/no/such/file" in capsys.readouterr().err


def test_results_that_have_no_place_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a-file"
    file.touch()

    assert harness_load("--target", "http://127.0.0.1:1", "--out", str(file)) == Code.REFUSED
    assert f"expected --out to be a folder, or one that can be made, found {file}" in capsys.readouterr().err


def test_help_explains_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        harness_load("--help")

    said = capsys.readouterr().out
    assert all(f"\n  {code:d}  " in said for code in Code)
