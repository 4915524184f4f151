"""Flags that a program does not know are found without starting it."""

from pathlib import Path

import pytest

from roles.program.module_utils.mita_service.flags import complaint

KINGPIN = """#!/bin/sh
for flag; do
  case $flag in
    --known|--help) ;;
    *) echo "x: error: unknown long flag '$flag', try --help" >&2; exit 1;;
  esac
done
case $* in *--help*) echo usage; exit 0;; esac
touch "$0.started"; sleep 60
"""
DEAF = '#!/bin/sh\ntouch "$0.started"; exec sleep 60\n'
WITHOUT_HELP = "#!/bin/sh\necho 'what is --help?' >&2; exit 3\n"


def program(directory: Path, text: str) -> str:
    path = directory / "xd"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_unknown_flag_is_told_in_the_programs_first_line(tmp_path: Path) -> None:
    command = [program(tmp_path, KINGPIN), "--known", "--no-such-flag"]

    assert complaint(command) == "x: error: unknown long flag '--no-such-flag', try --help"
    assert not Path(f"{command[0]}.started").exists()


def test_known_flags_are_no_complaint_and_nothing_is_started(tmp_path: Path) -> None:
    command = [program(tmp_path, KINGPIN), "--known"]

    assert complaint(command) == ""
    assert not Path(f"{command[0]}.started").exists()


@pytest.mark.parametrize("text", [DEAF, WITHOUT_HELP])
def test_program_that_does_not_answer_help_is_not_judged(tmp_path: Path, text: str) -> None:
    assert complaint([program(tmp_path, text), "--no-such-flag"], seconds=0.3) == ""


def test_program_that_is_not_here_is_not_judged() -> None:
    assert complaint(["/no/such/program", "--flag"]) == ""
