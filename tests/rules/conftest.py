"""Of the scenes that differ only in a number, `make test` plays the first, and `make test-full` all."""

import pytest

SCENES = ("scenes", "few_requests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every case of a scene but its first as long: each takes promtool seconds."""
    seen: set[tuple[str, str]] = set()
    for item in items:
        scene = item.path.name, getattr(item, "originalname", item.name)
        if scene in seen and any(word in item.path.name for word in SCENES):
            item.add_marker(pytest.mark.long)
        seen.add(scene)
