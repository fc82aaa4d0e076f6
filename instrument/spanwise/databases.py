"""Database calls as metrics: every statement that SQLAlchemy executes, by any driver, sync and async.

It is told by SQLAlchemy's own events, so that the program keeps its real connections and cursors, and every call is
counted, sampled or not. Spans of the statements are the business of OpenTelemetry's instrumentations.
"""

from __future__ import annotations

import re
from functools import cache
from time import perf_counter
from types import ModuleType
from typing import Any

from opentelemetry.trace import get_current_span
from prometheus_client import Histogram

from spanwise import standard
from spanwise.metrics import from_standard
from spanwise.observing import exemplar
from spanwise.tracing.spans import exception_name

MODULE = "sqlalchemy.engine"
_MARK = "_spanwise_started"
OTHER_OPERATION = "_OTHER"
# What a statement may begin with to have a label of its own; of `WITH` nobody knows what it does without parsing it.
_OPERATIONS = frozenset(
    {
        *(
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "MERGE",
            "REPLACE",
            "UPSERT",
            "WITH",
            "CALL",
            "EXEC",
            "COPY",
            "EXPLAIN",
        ),
        *("CREATE", "ALTER", "DROP", "TRUNCATE", "SET", "SHOW", "PRAGMA", "VACUUM", "ANALYZE", "LOCK", "VALUES"),
    }
)
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*([A-Za-z]+)", re.DOTALL)
# SQLAlchemy's dialects that the convention has another name for.
_SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db", "redshift": "aws.redshift", "hana": "sap.hana"}


def hook(module: ModuleType) -> None:
    """Listens to every engine of the process, those that exist already included."""
    from sqlalchemy import event

    engines = module.Engine
    if not event.contains(engines, "before_cursor_execute", _before):
        event.listen(engines, "before_cursor_execute", _before)
        event.listen(engines, "after_cursor_execute", _after)
        event.listen(engines, "handle_error", _failed)


def operation_of(statement: str) -> str:
    """`"select 1"` -> `"SELECT"`; what is not known is `_OTHER`, so that no text becomes a label."""
    found = _FIRST_WORD.match(statement)
    word = found[1].upper() if found is not None else ""
    return word if word in _OPERATIONS else OTHER_OPERATION


def _before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    if context is not None:
        setattr(context, _MARK, (perf_counter(), statement))


def _after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    _observe(context, connection.dialect.name, "")


def _failed(failure: Any) -> None:
    dialect = getattr(failure, "dialect", None) or failure.engine.dialect
    _observe(failure.execution_context, dialect.name, exception_name(type(failure.original_exception)))


def _observe(context: Any, dialect: str, error_type: str) -> None:
    started = getattr(context, _MARK, None)
    if started is None:
        return  # it failed before anything was executed, or afterwards, while rows were fetched
    delattr(context, _MARK)
    at, statement = started
    series = _duration().labels(_SYSTEMS.get(dialect, dialect), operation_of(statement), error_type)
    span = get_current_span()
    series.observe(perf_counter() - at, exemplar(span.get_span_context()) if span.is_recording() else None)


@cache
def _duration() -> Histogram:
    return from_standard(Histogram, standard.DB_CLIENT_OPERATION_DURATION)
