"""JSON of which one item cannot be read, made readable: what is wrong with one must not cost the others."""

import re

DEEPEST = 32
"""Brackets within an item. No alert needs more, and every reader ends somewhere."""
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""A text that nobody closes ends with the body: looked for from each of its quotes, it would take hours."""
TOO_DEEP = b'"nested too deeply to be read"'
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
UNKNOWN = rb"\ufffd"


def readable(body: bytes, item_depth: int) -> bytes:
    """The body with a mark for each half of a character, and a text in place of each item that is too deep.

    An item opens the bracket of that depth, counted from 1.
    """
    return _shallow(SURROGATE.sub(lambda _: UNKNOWN, body), item_depth)


def _shallow(body: bytes, item_depth: int) -> bytes:
    parts: list[bytes] = []
    depth = deepest = copied = start = 0
    for token in TOKEN.finditer(body):
        if token[0] in (b"[", b"{"):
            depth += 1
            start = token.start() if depth == item_depth else start
            deepest = depth if depth == item_depth else max(deepest, depth)
        elif token[0] in (b"]", b"}"):
            depth -= 1
            if depth == item_depth - 1 and deepest > DEEPEST:
                parts += [body[copied:start], TOO_DEEP]
                copied, deepest = token.end(), 0
    return b"".join([*parts, body[copied:]])
