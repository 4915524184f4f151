"""A generic webhook: any JSON object is taken. Pure."""

import json

from .received import Answer

PATH = "/webhook/{place}"


def answer(raw: bytes, place: str, credentials: object) -> tuple[Answer, object]:
    """Return the answer to *raw* posted to `/webhook/<place>`, and the body as it was understood."""
    del credentials  # anybody may post here
    facts = {"channel": place}
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
