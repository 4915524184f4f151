"""Every command and every sub-command of `harness` explains itself."""

import argparse
from collections.abc import Iterator

import pytest

from harness.cli import _parser


def commands(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield " ".join(words) or "harness", parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, *words, name)


@pytest.mark.parametrize(("words", "parser"), list(commands(_parser(None))))
def test_command_prints_its_help(words: str, parser: argparse.ArgumentParser) -> None:
    assert parser.format_help().startswith(f"usage: {'' if words == 'harness' else 'harness '}{words}")
