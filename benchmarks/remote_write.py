"""Samples in the form in which Prometheus takes them over HTTP: protobuf, packed as snappy."""

import struct
from collections.abc import Iterable, Mapping, Sequence

HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
_LITERAL_WITH_FOUR_BYTES_OF_LENGTH = bytes([63 << 2])


def labels(pairs: Mapping[str, str]) -> bytes:
    """The labels of one series, sorted by name as Prometheus demands."""
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in sorted(pairs.items())
    )


def samples(points: Iterable[tuple[int, float]]) -> bytes:
    """The samples of one series, from (milliseconds since 1970, value)."""
    return b"".join(
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at)) for at, value in points
    )


def request(series: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The body of a request: (labels, samples) of each series, packed without any attempt to be small."""
    message = b"".join(_field(1, names + values) for names, values in series)
    length = struct.pack("<I", len(message) - 1)
    return _varint(len(message)) + _LITERAL_WITH_FOUR_BYTES_OF_LENGTH + length + message


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
