"""YAML, read fast. It needs no other package: the lab is prepared before the others are installed."""

from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is there


def read_yaml(text: str) -> Any:
    """The structure of a YAML text."""
    # Ansible's texts are of a class of their own, which libyaml refuses.
    return yaml.load(str(text), Loader=LOADER)  # noqa: S506 - both are safe loaders
