"""Log records that know their trace: text or JSON, with the ids that lead from a line to its trace and back.

    import spanwise.logs
    spanwise.logs.configure(format="json")

sets up the root logger. Where logging is configured already, take the parts: `TextFormatter` and `JsonFormatter` find
the ids themselves; `TraceFilter` (on a handler) or `install_record_factory()` puts `trace_id`, `span_id` and
`service_name` on records, for any formatter. All three are empty strings where there is nothing to say.

An unsampled request has its ids too: they are the ones that its callees, its logs and its span, should it fail, share.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from opentelemetry.trace import get_current_span

from spanwise.redaction import in_force

TEXT, JSON = "text", "json"
# What every record has; anything else on it was given by `extra=` and is written too.
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = frozenset({"trace_id", "span_id", "service_name"})
_MAX_DEPTH = 8
_MARK = "_spanwise"
_service_name = ""


def set_service_name(name: str) -> None:
    """Called by `spanwise.instrument`; until then records have the name of OTEL_SERVICE_NAME."""
    global _service_name
    _service_name = name


class TraceFilter(logging.Filter):
    """Puts the ids on each record that passes; put it on handlers, because a logger's filters miss its children."""

    def filter(self, record: logging.LogRecord) -> bool:
        add_trace(record)
        return True


def add_trace(record: logging.LogRecord) -> None:
    """Sets `trace_id`, `span_id` and `service_name`, once: a record that has them keeps those of its origin."""
    if hasattr(record, "trace_id") and hasattr(record, "span_id") and hasattr(record, "service_name"):
        return
    context = get_current_span().get_span_context()
    valid = context.is_valid
    record.trace_id = f"{context.trace_id:032x}" if valid else ""
    record.span_id = f"{context.span_id:016x}" if valid else ""
    record.service_name = _service_name or os.environ.get("OTEL_SERVICE_NAME", "")


def install_record_factory() -> None:
    """Every record of the process gets the ids where it is made: right even for handlers on other threads."""
    inner = logging.getLogRecordFactory()
    if getattr(inner, _MARK, False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = inner(*args, **kwargs)
        add_trace(record)
        return record

    setattr(make, _MARK, True)
    logging.setLogRecordFactory(make)


class TextFormatter(logging.Formatter):
    """`2026-11-21 09:13:05.123 WARNING shop.basket: empty [trace=... span=...]` in UTC; ids only inside of a span."""

    def format(self, record: logging.LogRecord) -> str:
        add_trace(record)
        seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        line = f"{seconds}.{int(record.msecs):03d} {record.levelname} {record.name}: {_message(record)}"
        if record.trace_id:  # type: ignore[attr-defined]
            line = f"{line} [trace={record.trace_id} span={record.span_id}]"  # type: ignore[attr-defined]
        for more in (_exception_text(record), _text(record.stack_info) if record.stack_info else ""):
            if more:
                line = f"{line}\n{more}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, ids, exception, and what `extra=` gave.

    Whatever is on a record, a line comes out: what JSON has no form for is written as text.
    """

    def format(self, record: logging.LogRecord) -> str:
        add_trace(record)
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "trace_id": record.trace_id,  # type: ignore[attr-defined]
            "span_id": record.span_id,  # type: ignore[attr-defined]
            "service_name": record.service_name,  # type: ignore[attr-defined]
        }
        for key, value in vars(record).items():
            if key not in _STANDARD_FIELDS and key not in _OURS:
                line.setdefault(_text(key), value)
        if exception := _exception(record):
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = _text(record.stack_info)
        return json.dumps({key: _plain(value) for key, value in line.items()})


def configure(format: str = TEXT, *, level: int | str = logging.INFO, stream: TextIO | None = None) -> logging.Handler:
    """Makes the root logger write to `stream` (standard error); called again it replaces its own handler.

    Returns the handler. Raises ValueError for another format.
    """
    if format not in (TEXT, JSON):
        raise ValueError(f"format={format!r} is not 'text' or 'json'.")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if format == JSON else TextFormatter())
    setattr(handler, _MARK, True)
    root = logging.getLogger()
    for earlier in list(root.handlers):
        if getattr(earlier, _MARK, False):
            root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def _message(record: logging.LogRecord) -> str:
    try:
        return _redacted(record.getMessage())
    except Exception:  # arguments that do not fit the message, or whose own text fails
        return f"{_text(record.msg)} {_text(record.args)}"


def _exception(record: logging.LogRecord) -> dict[str, str] | None:
    """`{"type", "message", "stacktrace"}`, None without one."""
    text = _exception_text(record)
    if not text:
        return None
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) and len(record.exc_info) == 3 else None
    return {
        "type": type(error).__qualname__ if error is not None else "",
        "message": _redacted(_text(error)) if error is not None else "",
        "stacktrace": text,
    }


def _exception_text(record: logging.LogRecord) -> str:
    if record.exc_text:
        return _redacted(record.exc_text)
    found = record.exc_info
    if not isinstance(found, tuple) or len(found) != 3 or found[1] is None:
        return ""
    try:
        return _redacted("".join(traceback.format_exception(*found))).rstrip("\n")
    except Exception:
        return f"{type(found[1]).__qualname__} (its traceback cannot be written)"


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON knows it; what it does not know, and what is nested too deep, as text."""
    if value is None or isinstance(value, bool):
        return value
    kind = type(value)
    if kind is str:
        return _clean(value)
    if kind is int:
        return value
    if kind is float:
        return value if math.isfinite(value) else repr(value)
    if depth < _MAX_DEPTH:
        try:
            if isinstance(value, Mapping):
                return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
            if isinstance(value, (list, tuple, set, frozenset)):
                return [_plain(item, depth + 1) for item in value]
        except Exception:
            return _text(value)
    return _text(value)


def _text(value: Any) -> str:
    try:
        return _clean(str(value))
    except Exception:
        return f"<{type(value).__qualname__} without a text>"


def _redacted(text: str) -> str:
    """Without what calls itself a secret: see `spanwise.redaction`. What `extra=` gives is the service's own choice."""
    return in_force().text(_clean(text))


def _clean(text: str) -> str:
    """Without lone surrogates, which no encoding of a stream can write."""
    return text.encode("utf-8", "replace").decode("utf-8")
