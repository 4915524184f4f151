"""What Ansible sends to a scratch host is compiled once there, and not anew by each of its thousand tasks.

Ansible sends every module as an archive, out of which Python compiles ten thousand lines each time: half of
what a task costs a processor. The hosts of the lab, whose pace is measured, do without. Python reads this
file at its start there, so it imports nothing that is not there already.
"""

import _imp
import marshal
import os
import zipimport
from types import CodeType


def install(folder: str = "") -> None:
    """From now on what is imported out of an archive is kept, compiled, under the hash of its source."""
    compile_anew = zipimport._compile_source  # type: ignore[attr-defined]
    kept = folder or f"/tmp/compiled-{os.getuid()}"  # noqa: S108 - nobody else is on a scratch host

    def compile_once(pathname: str, source: bytes) -> CodeType:
        path = f"{kept}/{_imp.source_hash(0, source).hex()}"
        try:
            code: CodeType = marshal.loads(_read(path))  # noqa: S302 - only this user writes there
        except (OSError, EOFError, ValueError, TypeError):
            code = compile_anew(pathname, source)
            _keep(path, marshal.dumps(code))
        _imp._fix_co_filename(code, pathname)  # type: ignore[attr-defined]
        return code

    zipimport._compile_source = compile_once  # type: ignore[attr-defined]


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:  # noqa: PTH123 - pathlib takes longer to import than all of this
        return stream.read()


def _keep(path: str, content: bytes) -> None:
    """Whole or not at all; where it cannot be kept, as in a sandbox, the next one compiles it anew."""
    own = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH103, PTH120
        with open(own, "wb") as stream:  # noqa: PTH123
            stream.write(content)
        os.replace(own, path)  # noqa: PTH105
    except OSError:
        return
