"""What is rendered once for all tasks of a run is what each of them would have rendered."""

from pathlib import Path
from typing import Any

import pytest

from monitoring.once import once_in


def counted(folder: Path) -> tuple[list[Any], Any]:
    asked: list[Any] = []

    def render(text: str, *, scale: int = 1) -> list[dict[str, str]]:
        asked.append((text, scale))
        if text == "bad":
            raise ValueError(text)
        return [{"content": f"{text} {{{{ $value }}}} {scale}"}]

    return asked, once_in(str(folder))(render)


def test_what_was_asked_before_is_not_rendered_again_and_anything_else_is(tmp_path: Path) -> None:
    asked, render = counted(tmp_path)
    again, other_task = counted(tmp_path)

    first = render("a", scale=2)

    assert first == other_task("a", scale=2) == [{"content": "a {{ $value }} 2"}]
    assert other_task("a") == [{"content": "a {{ $value }} 1"}]
    assert (asked, again) == ([("a", 2)], [("a", 1)])


def test_a_refusal_is_not_kept(tmp_path: Path) -> None:
    asked, render = counted(tmp_path)

    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            render("bad")

    assert len(asked) == 2


def test_a_half_that_another_task_writes_just_now_is_not_believed(tmp_path: Path) -> None:
    asked, render = counted(tmp_path)
    render("a")
    [kept] = tmp_path.iterdir()
    kept.write_text(kept.read_text()[:-2])

    assert render("a") == [{"content": "a {{ $value }} 1"}]
    assert len(asked) == 2
