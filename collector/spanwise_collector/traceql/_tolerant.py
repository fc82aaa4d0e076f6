"""Queries that are still being written: an editor asks what could come next, with what is there so far."""

from __future__ import annotations

from collections.abc import Iterator

from spanwise_collector.traceql._fields import INTRINSICS, SCOPED
from spanwise_collector.traceql._parse import parse, parse_filter
from spanwise_collector.traceql._tree import Attribute, Binary, Field, Filter, Intrinsic, TraceQLError

_SCOPES = ("resource", "span", "event", "link", "instrumentation")


def filter_so_far(text: str) -> Field | None:
    """What a query, complete or not, says of every span that is meant; None where it says nothing."""
    try:
        first = parse(text).pipeline.stages[0]
    except TraceQLError:
        return _whole_parts(text)
    return first.condition if isinstance(first, Filter) else None


def field_of_tag(tag: str) -> Attribute | Intrinsic:
    """The field that a tag such as `span.http.route`, `status` or `.foo` is; a bare name has no scope."""
    name = SCOPED.get(tag, tag)
    if name in INTRINSICS and (tag in SCOPED or tag == name):
        return Intrinsic(name, tag, 1)
    scope, _, rest = tag.partition(".")
    if rest and scope in ("", *_SCOPES):
        return Attribute(scope, _unquoted(rest), tag, 1)
    return Attribute("", _unquoted(tag), tag, 1)


def _unquoted(name: str) -> str:
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name


def _whole_parts(text: str) -> Field | None:
    begin, end = text.find("{"), text.rfind("}")
    inside = text[begin + 1 : end if end > begin else len(text)]
    condition: Field | None = None
    for part in _parts(inside):
        try:
            field = parse_filter("{" + part + "}")
        except TraceQLError:
            continue
        if field is not None:
            condition = field if condition is None else Binary("&&", condition, field, 1, 1)
    return condition


def _parts(text: str) -> Iterator[str]:
    """What stands between `&&` outside of quotes and parentheses."""
    quote, depth, begin, at = "", 0, 0, 0
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\" and quote == '"'
            quote = "" if sign == quote else quote
        elif sign in '"`':
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif text.startswith("&&", at) and depth <= 0:
            yield text[begin:at]
            begin, at = at + 2, at + 1
        at += 1
    yield text[begin:]
