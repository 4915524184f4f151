"""YAML as people mean it: every key once, `off` and `1:30` are words, nothing grows while it is read."""

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

LONGEST = 1_000_000
"""So many characters of text are read; a settings file has some thousands."""
MERGE = "tag:yaml.org,2002:merge"
BOOLEAN = "tag:yaml.org,2002:bool"
INTEGER = "tag:yaml.org,2002:int"
FRACTION = "tag:yaml.org,2002:float"
PLAIN = {
    BOOLEAN: ("^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    INTEGER: ("^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    FRACTION: (r"^[-+]?[0-9]+\.[0-9]*$", "-+0123456789"),
}
"""What is no word: the pattern, and the characters that it may begin with."""


class Loader(yaml.SafeLoader):
    """Reads plain values; only `true` and `false` are yes and no, and only decimal numbers are numbers."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping, or an error that names the place of a key that is there twice."""
        known: dict[str, int] = {}
        for key, _ in node.value:
            self._refuse(node, key, known)
        return super().construct_mapping(node, deep=deep)

    def _refuse(self, node: MappingNode, key: Node, known: dict[str, int]) -> None:
        line = key.start_mark.line + 1
        if key.tag == MERGE:
            raise ConstructorError(
                None, None, "`<<`, which is not read here: write each value in its place", key.start_mark
            )
        name = key.value if isinstance(key, ScalarNode) else ""
        if name in known and name:
            problem = (
                f"the key `{name[:50]}` in line {known[name]} and again in line {line}: keep one of them"
            )
            raise ConstructorError(None, None, problem, key.start_mark)
        known[name] = line


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in PLAIN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _first) in PLAIN.items():
    Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def read(text: str) -> Any:
    """What the text says, or ValueError with a sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"expected at most {LONGEST} characters, found {len(text)}")
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"expected YAML, found {error}") from error
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
        raise ValueError(f"expected YAML of plain values, found one that is none: {error}") from error
    except RecursionError as error:
        raise ValueError("expected YAML, found it nested too deeply to be read") from error
