"""A disk that forgets: what SQLite wrote, and when it asked for that to be safe, is written down.

A `Recorder` puts itself between SQLite and the system's files, for the rest of its process's life. From the
log, `Disk` builds the files as they would be after the power was cut at any moment: what was synced is there;
of what was not, nothing, or whatever parts chance has brought to the disk already.
"""

import ctypes
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECTOR = 512
METHODS = 18
WRITE, TRUNCATE, SYNC, DELETE, SAID = "write", "truncate", "sync", "delete", "said"
Record = tuple[str, str, int, bytes]
"""What, which file, where or how long, and what was written. `said` is a word of the test's own."""

_I64, _Ptr = ctypes.c_int64, ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _Ptr, ctypes.c_char_p, _Ptr, ctypes.c_int, _Ptr)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _Ptr, ctypes.c_char_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _Ptr, _Ptr, ctypes.c_int, _I64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _Ptr, _I64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _Ptr, ctypes.c_int)


_KEPT: list[Any] = []
"""What SQLite may call or read as long as the process lives."""


class _Vfs(ctypes.Structure):
    """The beginning of sqlite3_vfs."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", _Ptr),
        ("name", ctypes.c_char_p),
        ("data", _Ptr),
        ("open", _Ptr),
        ("delete", _Ptr),
    )


class _Methods(ctypes.Structure):
    """sqlite3_io_methods: close, read, write, truncate, sync, and what is left as it is."""

    _fields_ = (("version", ctypes.c_int), ("calls", _Ptr * METHODS))


class _File(ctypes.Structure):
    """sqlite3_file, which each file of the system begins with."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class Recorder:
    """Takes down what is done to every file that has a name."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab", buffering=0)
        self._names: dict[int, str] = {}
        library = ctypes.CDLL("libsqlite3.so.0")
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        vfs = library.sqlite3_vfs_find(None).contents
        self._open, self._delete = _OPEN(vfs.open), _DELETE(vfs.delete)
        vfs.open = self._keep(_OPEN(self._opened))
        vfs.delete = self._keep(_DELETE(self._deleted))

    def say(self, word: str) -> None:
        """A word of the test's own, at its place among the writes."""
        self._put(SAID, word)

    def _keep(self, function: Any) -> int | None:
        """The address of a function that must live as long as SQLite may call it."""
        _KEPT.append(function)
        return ctypes.cast(function, _Ptr).value

    def _put(self, what: str, name: str, number: int = 0, data: bytes = b"") -> None:
        self._log.write(pickle.dumps((what, name, number, data)))

    def _opened(self, vfs: int, path: bytes | None, file: int, flags: int, out: int) -> int:
        code = int(self._open(vfs, path, file, flags, out))
        head = ctypes.cast(file, ctypes.POINTER(_File)).contents
        if code == 0 and path and head.methods:
            self._names[file] = Path(path.decode()).name
            head.methods = self._watched(head.methods.contents)
        return code

    def _deleted(self, vfs: int, path: bytes, sync: int) -> int:
        code = int(self._delete(vfs, path, sync))
        self._put(DELETE, Path(path.decode()).name)
        return code

    def _watched(self, own: _Methods) -> Any:
        """The file's own methods, with three of them seen by us."""
        methods = _Methods.from_buffer_copy(own)
        write, truncate = _WRITE(own.calls[2]), _TRUNCATE(own.calls[3])
        sync = _SYNC(own.calls[4])

        def written(file: int, data: int, length: int, offset: int) -> int:
            self._put(WRITE, self._names[file], offset, ctypes.string_at(data, length))
            return int(write(file, data, length, offset))

        def truncated(file: int, size: int) -> int:
            self._put(TRUNCATE, self._names[file], size)
            return int(truncate(file, size))

        def synced(file: int, flags: int) -> int:
            code = int(sync(file, flags))
            self._put(SYNC, self._names[file])
            return code

        methods.calls[2] = self._keep(_WRITE(written))
        methods.calls[3] = self._keep(_TRUNCATE(truncated))
        methods.calls[4] = self._keep(_SYNC(synced))
        _KEPT.append(methods)
        return ctypes.pointer(methods)


def records(log: Path) -> Iterator[Record]:
    """The log; its last record may be cut, as the process may have been killed."""
    with log.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)  # noqa: S301  (a test has written it)
            except (EOFError, pickle.UnpicklingError):
                return


class Disk:
    """The files as they are safe, and what has been asked for since and may be lost."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._waiting: dict[str, list[Record]] = {}

    def take(self, record: Record) -> None:
        """Something more is done to a file."""
        what, name, _, _ = record
        if what == SYNC:
            for waiting in self._waiting.pop(name, []):
                _apply(self._safe.setdefault(name, bytearray()), waiting)
        elif what == DELETE:  # SQLite has the folder synced with it
            self._safe.pop(name, None)
            self._waiting.pop(name, None)
        elif what != SAID:
            self._waiting.setdefault(name, []).append(record)

    def after_power_loss(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write the files: with nothing that was not safe, or with what *chance* brought to the disk."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name in self._safe.keys() | (self._waiting.keys() if chance else set()):
            content = bytearray(self._safe.get(name, b""))
            for record in self._waiting.get(name, []) if chance else []:
                if torn := _torn(record, chance):
                    _apply(content, torn)
            (folder / name).write_bytes(content)


def _apply(content: bytearray, record: Record) -> None:
    what, _, number, data = record
    if what == TRUNCATE:
        del content[number:]
        return
    content.extend(bytes(max(0, number + len(data) - len(content))))
    content[number : number + len(data)] = data


def _torn(record: Record, chance: random.Random | None) -> Record | None:
    """The write whole, only some first sectors of it, or not at all."""
    what, name, number, data = record
    fate = chance.random() if chance else 0.0
    if fate < 1 / 3:
        return None
    if fate < 2 / 3 or what == TRUNCATE or not chance:
        return record
    return what, name, number, data[: SECTOR * chance.randint(0, len(data) // SECTOR)]
