"""A generic webhook: any JSON object is taken. Pure."""

import json

from .received import Answer


def answer(raw: bytes, *, name: str) -> tuple[Answer, object]:
    """Return the answer to *raw* posted to `/webhook/<name>`, and the body as it was understood."""
    facts = {"channel": name}
    try:
        body = json.loads(raw)
    except ValueError:
        problem = "expected a JSON body"
        return Answer(status=400, body=problem, problems=(problem,), facts=facts), raw.decode(
            "utf-8", "replace"
        )
    if not isinstance(body, dict):
        problem = f"expected an object, found {type(body).__name__}"
        return Answer(status=400, body=problem, problems=(problem,), facts=facts), body
    return Answer(status=200, body="ok", facts=facts), body
