"""Logs: one JSON object per line on stderr, with the fields of gapo's other services."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from .errors import UserError

NAME = "gapo-pytorch"
LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
NAMES = {number: name for name, number in LEVELS.items()}


class JsonLines(logging.Formatter):
    """Formats a record. A line that is logged in a span has the ids of its trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns a line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "level": NAMES.get(record.levelno, "error"),
            "time": time,
            "name": NAME,
            **getattr(record, "fields", {}),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["error"] = {"stack": self.formatException(record.exc_info)}
        return json.dumps(line, ensure_ascii=False)


def make_logger(level: str) -> logging.Logger:
    """Returns the process's logger. Raises UserError if LOG_LEVEL is not a level."""
    number = LEVELS.get(level.lower())
    if number is None:
        raise UserError(f"LOG_LEVEL: found '{level}', expected one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(NAME)
    logger.handlers = [handler]
    logger.setLevel(number)
    logger.propagate = False
    return logger
