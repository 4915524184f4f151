"""YAML, read fast. It needs no other package: the lab is prepared before the others are installed."""

from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is there
WRITTEN = ("bool", "int", "float", "timestamp")
SWITCHES = frozenset({"continue", "send_resolved"})
"""The keys of Alertmanager's file that are read here as yes or no."""
YES = frozenset({"y", "yes", "true", "on"})


class Word(str):
    """A value as it is written, such as 17:00, 1.10 or yes, which YAML may take for a number."""

    tag: str

    def __new__(cls, text: str, tag: str) -> "Word":
        """The text, and what YAML takes it for."""
        word = super().__new__(cls, text)
        word.tag = tag
        return word


class AsWritten(LOADER):  # type: ignore[misc]
    """Prometheus and Alertmanager, which know where they want a text, take the text that is written."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Switches stay yes or no, so that a reader can ask them."""
        found = super().construct_mapping(node, deep=deep)
        return {
            key: value.lower() in YES if key in SWITCHES and isinstance(value, Word) else value
            for key, value in found.items()
        }


def _word(loader: Any, node: Any) -> Word:
    return Word(loader.construct_scalar(node), node.tag)


def _written(dumper: Any, word: Word) -> Any:
    return dumper.represent_scalar(word.tag, str(word))


for _kind in WRITTEN:
    AsWritten.add_constructor(f"tag:yaml.org,2002:{_kind}", _word)
yaml.SafeDumper.add_representer(Word, _written)


def read_yaml(text: str | bytes) -> Any:
    """The structure of a YAML text."""
    # Ansible's texts are of a class of their own, which libyaml refuses.
    plain = text if isinstance(text, bytes) else str(text)
    return yaml.load(plain, Loader=LOADER)  # noqa: S506 - both are safe loaders


def read_as_written(text: str) -> Any:
    """The structure of anybody's file of Prometheus or Alertmanager; `safe_dump` writes it back."""
    return yaml.load(text, Loader=AsWritten)  # noqa: S506 - it is a safe loader with fewer types
