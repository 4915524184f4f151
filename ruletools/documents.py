"""YAML files below directories, read and told apart: rule files, unit tests, and what is neither."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from errno import EINVAL
from pathlib import Path
from typing import Any

import yaml

from ruletools.unreadable import Problem

SUFFIXES = (".yml", ".yaml", ".rules")
_Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE, _NULL, _VALUE = (f"tag:yaml.org,2002:{kind}" for kind in ("merge", "null", "value"))


class _Plain(_Safe):  # type: ignore[misc,valid-type]
    """Reads a lone `=` as a text, which YAML 1.1 gives a meaning of its own."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the attribute of the base class
        first: [(tag, shape) for tag, shape in resolvers if tag != _VALUE]
        for first, resolvers in _Safe.yaml_implicit_resolvers.items()
    }


class _Texts(_Safe):  # type: ignore[misc,valid-type]
    """Reads every scalar as its text, as Prometheus does with labels: `yes` and `1.10` stay as they are."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the attribute of the base class
        first: [(tag, shape) for tag, shape in resolvers if tag in (_MERGE, _NULL)]
        for first, resolvers in _Safe.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class Document:
    """One file: its YAML documents, and whether it was named itself or only found below a directory."""

    path: Path
    parts: Sequence[Any]
    named: bool

    @property
    def is_test(self) -> bool:
        return any(isinstance(part, dict) and "tests" in part for part in self.parts)

    @property
    def has_rules(self) -> bool:
        return any(True for part in self.parts for _ in groups_in(part))


def groups_in(part: Any) -> Iterator[Any]:
    """The `groups` of one YAML document, also of a Kubernetes PrometheusRule or of a list of such."""
    if not isinstance(part, dict):
        return
    if isinstance(part.get("items"), list):
        for item in part["items"]:
            yield from groups_in(item)
    if part.get("kind") == "PrometheusRule":
        spec = part.get("spec")
        yield spec.get("groups") if isinstance(spec, dict) else None
    elif "groups" in part and "tests" not in part:
        yield part["groups"]


def documents(paths: Iterable[Path], problems: list[Problem]) -> list[Document]:
    """Every YAML file of the paths, each once; what cannot be read is a problem."""
    found: dict[Path, Document] = {}
    for path in paths:
        for file in _files(path, problems):
            document = _read(file, named=file == path, problems=problems)
            if document is not None:
                found.setdefault(file.resolve(), document)
    return list(found.values())


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(_below(path, problems))
    if not found:
        problems.append(
            Problem(path, f"expected files named *{', *'.join(SUFFIXES)} below it, found none; is it right?")
        )
    return found


def _below(directory: Path, problems: list[Problem]) -> Iterator[Path]:
    """The YAML files of a directory and of those in it; hidden ones are left out."""

    def refused(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), f"expected a directory to read, {error.strerror}"))

    for place, folders, names in os.walk(directory, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if name.endswith(SUFFIXES) and name[0] != ".")


def _read(path: Path, *, named: bool, problems: list[Problem]) -> Document | None:
    try:
        if path.exists() and not path.is_file():
            raise OSError(EINVAL, "it is no regular file")
        text = path.read_text(encoding="utf-8")
        return Document(path, list(yaml.load_all(text, Loader=_Plain)), named)
    except OSError as error:
        what = f"expected a file that can be read, found: {error.strerror}; mend the path or its permissions"
    except UnicodeDecodeError as error:
        what = f"expected text in UTF-8, found {error.object[error.start : error.end]!r}; convert the file"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        words = " ".join(str(error).split())
        what = f"expected YAML, found: {words}; mend it, or render it first if it is a template"
    problems.append(Problem(path, what))
    return None


def as_texts(path: Path) -> list[Any]:
    """The YAML documents of a file with every scalar as its text."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Texts))
