"""A Secret as helm sends it: Kubernetes' protobuf, of which only what helm's storage says is read."""

import base64
from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"
RAW, METADATA, DATA, TYPE, NAME, LABELS = 2, 1, 2, 3, 1, 11
"""Numbers of the fields: of the envelope, of a Secret and of its metadata (k8s.io/api, generated.proto)."""


def secret(body: bytes) -> dict[str, Any]:
    """The Secret in *body* as JSON has it."""
    (raw,) = (value for number, value in _fields(body.removeprefix(MAGIC)) if number == RAW)
    inner = list(_fields(raw))
    (metadata,) = (list(_fields(value)) for number, value in inner if number == METADATA)
    (name,) = (value for number, value in metadata if number == NAME)
    labels = dict(_pair(value) for number, value in metadata if number == LABELS)
    data = dict(_pair(value) for number, value in inner if number == DATA)
    (kind,) = (value for number, value in inner if number == TYPE)
    return {
        "metadata": {"name": name.decode(), "labels": {key: value.decode() for key, value in labels.items()}},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        "type": kind.decode(),
    }


def _pair(entry: bytes) -> tuple[str, bytes]:
    found = dict(_fields(entry))
    return found[1].decode(), found.get(2, b"")


def _fields(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Each field that has a length; numbers are passed over."""
    at = 0
    while at < len(text):
        key, at = _number(text, at)
        length, at = _number(text, at)
        if key & 7 == 2:
            yield key >> 3, text[at : at + length]
            at += length


def _number(text: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        found |= (text[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if text[at - 1] < 0x80:
            return found, at
