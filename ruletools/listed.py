"""Hand-made YAML lists of what is known and kept, each entry with a reason."""

from pathlib import Path
from typing import Any

import yaml

from monitoring.yaml_text import read_yaml
from ruletools.errors import RulesError


def read_listed(path: Path, kind: type) -> Any:
    """The list or mapping in a file, empty where the file is; RulesError where it is anything else."""
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"expected a file that can be read, found {path}: {error}") from None
    except yaml.YAMLError as error:
        raise RulesError(f"{path}: expected YAML, found {' '.join(str(error).split())}") from None
    if document is not None and not isinstance(document, kind):
        wanted = "a list" if kind is list else "a mapping"
        raise RulesError(f"{path}: expected {wanted}, found {type(document).__name__}")
    return kind() if document is None else document
