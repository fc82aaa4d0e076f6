"""The last lines that were logged, at any level that is switched on, whether or not a handler wrote them.

They come through the factory of log records: a handler of our own on the root logger would keep a later
`logging.basicConfig` from doing anything. A line is formatted when it is logged, because its arguments may change, and
redacted when it is looked at.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.trace import get_current_span

from spanwise.redaction import in_force

KEPT = 500
_MAX_TEXT = 2000
_MARK = "keeps_log_lines"


@dataclass(frozen=True, slots=True)
class LogLine:
    """`at` is in Unix seconds; `error` is the exception's class and message, "" for none; `trace_id` "" for none."""

    at: float
    level: int
    logger: str
    text: str
    error: str
    where: str
    trace_id: str


_lines: deque[LogLine] = deque(maxlen=KEPT)


def lines() -> list[LogLine]:
    """The oldest first, without what may not be shown. About a megabyte at the most."""
    hide = in_force().text
    return [replace(each, text=hide(each.text), error=hide(each.error)) for each in _lines.copy()]


def watch_log() -> None:
    """Keeps lines from now on. Calling it again is safe; a factory that somebody sets later takes ours away."""
    make = logging.getLogRecordFactory()
    if getattr(make, _MARK, False):
        return

    def keep(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.name is None:
            return record  # an empty one of logging.makeLogRecord, which its maker fills; nothing was logged
        try:
            _lines.append(_line(record))
        except Exception:  # arguments that do not fit the message: logging itself will say so
            return record
        return record

    setattr(keep, _MARK, True)
    logging.setLogRecordFactory(keep)


def _line(record: logging.LogRecord) -> LogLine:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    return LogLine(
        record.created,
        record.levelno,
        record.name,
        record.getMessage()[:_MAX_TEXT],
        f"{type(error).__qualname__}: {error}"[:_MAX_TEXT] if error is not None else "",
        f"{record.filename}:{record.lineno}",
        _known_trace_id(),
    )


def _known_trace_id() -> str:
    """Of a request whose ids were made already, which asking must not change."""
    context = getattr(get_current_span(), "_context", None)
    return f"{context.trace_id:032x}" if context is not None and context.is_valid else ""
