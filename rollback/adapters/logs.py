"""Log lines are events with fields, one a line, for the journal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure(log_format: str) -> None:
    """Set up logging once: `logfmt` or `json`, to standard output, which the journal reads."""
    renderer: Any = structlog.processors.LogfmtRenderer(key_order=["level", "event"], drop_missing=True)
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.dict_tracebacks
            if log_format == "json"
            else structlog.processors.format_exc_info,
            _one_line,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


def _one_line(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Keep tracebacks and other texts on the line of their event, and leave out what is not there."""
    known = {name: value for name, value in event.items() if value is not None}
    return {n: v.replace("\n", " | ") if isinstance(v, str) else v for n, v in known.items()}


class _Bridge(logging.Handler):
    """Passes what libraries log on to the same place."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage().strip(), logger=record.name, exc_info=record.exc_info)
