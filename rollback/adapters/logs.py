"""Log lines are events with fields, one a line, for the journal."""

import logging
import sys
import unicodedata
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

FIELD_LIMIT, TRACEBACK_LIMIT = 1_000, 8_000
"""Characters: whoever fills a field from outside must not fill the journal."""
UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""What a terminal obeys or hides: controls, marks of direction, halves of characters, line ends."""
# Without the values of local variables: a secret may be among them.
TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure(log_format: str) -> None:
    """Set up logging once: `logfmt` or `json`, to standard output, which the journal reads."""
    as_json = log_format == "json"
    renderer: Any = structlog.processors.LogfmtRenderer(key_order=["level", "event"], drop_missing=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            TRACEBACKS if as_json else structlog.processors.format_exc_info,
            _in_json if as_json else _in_text,
            structlog.processors.JSONRenderer() if as_json else renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


def harmless(text: str, limit: int = FIELD_LIMIT) -> str:
    """The text on one line, in which nothing is obeyed by whoever shows it, and no longer than that."""
    cut = text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
    line = " | ".join(cut.splitlines())
    return "".join(c if unicodedata.category(c) not in UNSAFE else _escaped(c) for c in line)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _in_text(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Every value as harmless text; what is not there is left out."""
    return {name: _flat(name, value) for name, value in event.items() if value is not None}


def _flat(name: str, value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return harmless(str(value), TRACEBACK_LIMIT if name == "exception" else FIELD_LIMIT)


def _in_json(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """The same with lists and objects kept."""
    return {name: _nested(value) for name, value in event.items() if value is not None}


def _nested(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {harmless(str(name)): _nested(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(item) for item in value]
    return harmless(str(value))


class _Bridge(logging.Handler):
    """Passes what libraries log on to the same place."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage().strip(), logger=record.name, exc_info=record.exc_info)
