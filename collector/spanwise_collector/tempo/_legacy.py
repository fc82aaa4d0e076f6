"""Tempo's search before TraceQL: `tags=` in logfmt, `minDuration` and `maxDuration` of the trace, as a query."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spanwise_collector.query import BadSearchError
from spanwise_collector.tempo._time import duration_ns
from spanwise_collector.traceql import Query, parse

_PAIR = re.compile(r'\s*([^\s="]+)=("(?:\\.|[^"\\])*"|[^\s"]*)(?:\s+|$)')
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?")
_FIELDS = {
    "name": "name",
    "status.code": "status",
    "root.name": "rootName",
    "root.service.name": "rootServiceName",
    "service.name": "resource.service.name",
}
_STATUSES = frozenset({"error", "ok", "unset"})


def legacy_query(arguments: Mapping[str, str]) -> Query:
    """The query that these parameters mean; without any it is `{}`. Raises BadSearchError, TraceQLError."""
    conditions = [_condition(key, value) for key, value in _pairs(arguments.get("tags", ""))]
    for name, operator in (("minDuration", ">="), ("maxDuration", "<=")):
        given = duration_ns(name, arguments.get(name, ""))
        if given is not None:
            conditions.append(f"traceDuration {operator} {given}ns")
    return parse(f"{{ {' && '.join(conditions)} }}")


def _pairs(tags: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(tags.rstrip()):
        match = _PAIR.match(tags, at)
        if match is None:
            raise BadSearchError(f'tags={tags[:100]!r} is not of the form key=value other="two words"')
        key, value = match.groups()
        yield key, re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = match.end()


def _condition(key: str, value: str) -> str:
    """In TraceQL. A value may be text, or the number or truth that it looks like."""
    field = _FIELDS.get(key)
    if field == "status":
        if value not in _STATUSES:
            raise BadSearchError(f"status.code={value[:100]!r} is not error, ok or unset")
        return f"status = {value}"
    if field is None:
        field = f".{_quoted(key)}"
    condition = f"{field} = {_quoted(value)}"
    looks_typed = _NUMBER.fullmatch(value) or value in ("true", "false")
    return f"({condition} || {field} = {value})" if looks_typed and field.startswith(".") else condition


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
