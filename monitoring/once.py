"""What is rendered once in a run whose parts know nothing of each other, as the tasks of Ansible."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

Render = Callable[..., Any]


def once_in(folder: str) -> Callable[[Render], Render]:
    """Keep what a function returned in *folder*, which is this run's and its user's alone; no refusal.

    What it is given and returns can be written as JSON; the files that it reads do not change within a run.
    """

    def kept(render: Render) -> Render:
        @wraps(render)
        def rendered(*given: Any, **more: Any) -> Any:
            asked = json.dumps([render.__module__, render.__qualname__, given, more], sort_keys=True)
            path = Path(folder) / f"once-{hashlib.sha256(asked.encode()).hexdigest()}.json"
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, json.JSONDecodeError):  # a half: another process writes it just now
                found = render(*given, **more)
                path.write_text(json.dumps(found), encoding="utf-8")
                return found

        return rendered

    return kept
