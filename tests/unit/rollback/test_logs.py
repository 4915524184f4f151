"""Log lines are events with fields, one line each, in which nothing from outside is obeyed."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from rollback.adapters import logs
from rollback.domain.reasons import Reason

NASTY = (
    "red \x1b[31m bell \x07 null \x00 back \x9b2J turned \u202e line\u2028para\u2029 half \udcff\r\n"
    "level=info event=lie"
)


@pytest.fixture(params=["logfmt", "json"])
def log_format(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    structlog.reset_defaults()


def said(log_format: str, **fields: Any) -> str:
    """What one event looks like."""
    out = io.StringIO()
    with redirect_stdout(out):
        logs.configure(log_format)
        structlog.get_logger().info("decided", **fields)
    return out.getvalue()


def test_log_lines_are_one_line_each_with_fields(log_format: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        logs.configure(log_format)
        structlog.get_logger().info("decided", reason=Reason.COOLDOWN, text="two\nlines", nothing=None)
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            structlog.get_logger().exception("failed")

    first, second = out.getvalue().splitlines()
    if log_format == "json":
        assert json.loads(first)["reason"] == "cooldown"
        assert json.loads(second)["event"] == "failed"
    else:
        assert first == 'level=info event=decided reason=cooldown text="two | lines"'
        assert "ValueError: first | second" in second


@pytest.mark.parametrize(
    "value", [NASTY, [NASTY], {"a": NASTY}, ValueError(NASTY), NASTY.encode("utf-8", "surrogatepass")]
)
def test_nothing_from_outside_is_obeyed_or_begins_a_line(log_format: str, value: Any) -> None:
    line = said(log_format, text=value)

    assert (line.count("\n"), line[-1]) == (1, "\n")
    assert line[:-1].isprintable()
    line.encode()  # whoever writes it to a file or a socket can
    assert "half" in line


def test_a_long_text_does_not_fill_the_journal(log_format: str) -> None:
    line = said(log_format, text="x" * 100_000, more=["y" * 100_000])

    assert len(line) < 3 * logs.FIELD_LIMIT
    assert "(100000 characters)" in line


def test_a_quote_ends_no_field(log_format: str) -> None:
    line = said(log_format, text='a" level=error b="c\\', other="d")

    if log_format == "json":
        assert json.loads(line)["text"] == 'a" level=error b="c\\'
    else:
        assert line == 'level=info event=decided text="a\\" level=error b=\\"c\\\\" other=d\n'


def test_a_traceback_does_not_tell_the_values_of_variables(log_format: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        logs.configure(log_format)
        password = "planted-password"
        try:
            raise ValueError(len(password))
        except ValueError:
            structlog.get_logger().exception("failed")

    assert "ValueError" in out.getvalue()
    assert "planted" not in out.getvalue().replace('password = "planted-password"', "")


def test_what_a_line_is_about_stands_in_it(log_format: str) -> None:
    with bound_contextvars(decision=12, rollback=7):
        line = said(log_format, host="app1")

    if log_format == "json":
        assert (json.loads(line)["decision"], json.loads(line)["rollback"]) == (12, 7)
    else:
        assert {"decision=12", "rollback=7"} <= set(line.split())
