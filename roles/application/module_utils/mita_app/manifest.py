"""What a release says about itself, and everything that is wrong with it at once. Pure.

`harness release pack` asks the same before it writes an archive, a deployment before it touches a host.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from string import Template
from typing import Any

Manifest = Mapping[str, Any]
Files = Mapping[str, bool]  # path in the release -> whether it may be executed

FIELDS = ("name", "version", "rollback_safe", "start", "environment", "socket", "python", "fault")
OURS = ("MITA_", "LISTEN_", "NOTIFY_", "RUNTIME_")
"""How variables begin that the host gives to every release."""
OURS_TOO = ("DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR")
MODULES = ("application", "target")
"""The modules under app/ that start a release from before releases had a start command."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHELL = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"})
SAY_IT = "pack it with --rollback-safe yes or no, or say it now: -e app_rollback_safe=yes or no"


def complaints(
    manifest: Manifest, files: Files, *, name: str, version: str, deploying: bool = True
) -> list[str]:
    """Return a sentence for each thing that is wrong; *deploying* also asks what a rollback needs not."""
    return [
        *_named(manifest, name, version),
        *(_asked_of_new_ones(manifest, files) if deploying else ()),
        *(_start(manifest["start"], files) if "start" in manifest else ()),
        *_environment(manifest.get("environment", {})),
        *_rest(manifest),
    ]


def host_program(manifest: Manifest) -> str:
    """Return the program of the host that starts this release; nothing where the release brings its own."""
    start = manifest.get("start")
    first = start[0] if isinstance(start, list) and start else ""
    return first if isinstance(first, str) and first.startswith("/") else ""


def _named(manifest: Manifest, name: str, version: str) -> Iterator[str]:
    for field, expected in (("name", name), ("version", version)):
        if manifest.get(field) != expected:
            yield (
                f"expected a manifest with {field} {expected!r}, found {manifest.get(field)!r}; "
                "give the archive of this release, or ask for the version it has"
            )


def _asked_of_new_ones(manifest: Manifest, files: Files) -> Iterator[str]:
    if "start" not in manifest and not any(f"app/{module}/__main__.py" in files for module in MODULES):
        yield 'expected start, the command as a list such as ["bin/server", "--quiet"], found none'
    found = manifest.get("rollback_safe")
    if not isinstance(found, bool):
        yield (
            "expected rollback_safe, whether this release may be left for an earlier one, as true or false, "
            f"found {'none' if found is None else repr(found)}; {SAY_IT}"
        )


def _start(words: Any, files: Files) -> Iterator[str]:
    if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
        yield f"start: expected a list of words, found {words!r}"
        return
    yield from _program(words[0], files)
    for word in words:
        if word in SHELL:
            yield f"start: expected a command without a shell, found {word!r}; put it into a script"
        yield from _text("start", word)


def _program(word: str, files: Files) -> Iterator[str]:
    path = word.removeprefix("./")
    if word.startswith("/"):
        return
    if path not in files:
        yield (
            f"start: expected a file of the release, or a program of the host with its whole path such as "
            f"/usr/bin/{path}, found {word!r}"
        )
    elif not files[path]:
        yield f"start: expected {path} to be executable, found that it is not; chmod +x {path}"


def _environment(found: Any) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"environment: expected names with values, found {found!r}"
        return
    for name, value in found.items():
        if not NAME.fullmatch(str(name)):
            yield f"environment: expected a name such as LOG_LEVEL, found {name!r}"
        elif name.startswith(OURS) or name in OURS_TOO:
            yield f"environment: expected a name that the host does not set itself, found {name}"
        if isinstance(value, str):
            yield from _text(f"environment: {name}", value)
        else:
            yield f"environment: expected text for {name}, found {value!r}"


def _text(where: str, text: str) -> Iterator[str]:
    if "\0" in text or "\n" in text:
        yield f"{where}: expected one line, found {text!r}"
    if not Template(text).is_valid():
        yield f"{where}: expected $NAME or ${{NAME}} for a variable and $$ for a dollar, found {text!r}"


def _rest(manifest: Manifest) -> Iterator[str]:
    if not isinstance(manifest.get("socket", False), bool):
        yield f"socket: expected true or false, found {manifest['socket']!r}"
    for field in manifest:
        near = get_close_matches(str(field), FIELDS, n=1, cutoff=0.8)
        if near and field not in FIELDS:
            yield f"expected {near[0]}, found {field!r}"
