"""Filters as SQL mean what a slow and obvious evaluator says, over spans with attributes of every type and scope."""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.query import Binder
from spanwise_collector.query.filter import (
    And,
    Attribute,
    Comparison,
    Filter,
    Intrinsic,
    Not,
    Operator,
    Or,
    Scope,
    condition,
    parse,
)
from spanwise_collector.store import Store, insert
from tests.collector.otlp_requests import fill_attributes, new_span_id, request, span

SERVICE = "filter-conditions"
KEYS = ("k", "n", "odd 'key\\")
VALUES: list[Any] = [
    "a", "abc", "", "'", "\\", "500", "true", 500, -1, 0, 2**63 - 1, 2**53 + 1, 0.5, 500.0, -1e300, float("nan"), True,
    False, b"a", ["a"], {"k": "a"}, None,
]  # fmt: skip
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = ("unset", "ok", "error")
_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def make_request(number: int) -> ExportTraceServiceRequest:
    """One span; which values it has where depends on its number alone."""

    def some_attributes(step: int) -> dict[str, Any]:
        chosen = {key: VALUES[(number * step + place * 5) % len(VALUES)] for place, key in enumerate(KEYS)}
        return {key: value for place, (key, value) in enumerate(chosen.items()) if (number + place + step) % 3}

    message = request(service=SERVICE, resource=some_attributes(1))
    scope_spans = message.resource_spans[0].scope_spans[0]
    scope_spans.scope.name = ("tests", "")[number % 2]
    scope_spans.scope.version = ("1.0", "", "abc")[number % 3]
    fill_attributes(scope_spans.scope.attributes, some_attributes(2))
    made = span(
        name=("a", "abc", "GET /x")[number % 3],
        kind=number % 6,
        parent=new_span_id() if number % 4 else "",
        duration_ns=(0, 500, 10**9)[number % 3],
        trace_state="ot=th:8" if number % 5 == 0 else "",
        attributes=some_attributes(3),
    )
    made.status.code = number % 3  # type: ignore[assignment]
    made.status.message = "abc" if number % 7 == 0 else ""
    for step in range(4, 4 + number % 3):
        event = made.events.add(name=("a", "exception")[number % 2], time_unix_nano=time.time_ns())
        fill_attributes(event.attributes, some_attributes(step))
        link = made.links.add(trace_id=bytes([step]) * 16, span_id=bytes([step]) * 8)
        fill_attributes(link.attributes, some_attributes(step + 3))
    scope_spans.spans.append(made)
    return message


REQUESTS = [make_request(number) for number in range(60)]


def python_value(value: Any) -> Any:
    """What can be compared of an OTLP AnyValue; an object of its own where nothing can."""
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value", "double_value"):
        return getattr(value, kind)
    return object()


def values(one: ExportTraceServiceRequest, field: Attribute | Intrinsic) -> list[Any]:
    """All values that a field has."""
    resource = one.resource_spans[0].resource
    scope_spans = one.resource_spans[0].scope_spans[0]
    found = scope_spans.spans[0]
    if isinstance(field, Attribute):
        everywhere: dict[Scope, list[Any]] = {
            Scope.RESOURCE: [resource],
            Scope.SCOPE: [scope_spans.scope],
            Scope.SPAN: [found],
            Scope.EVENT: list(found.events),
            Scope.LINK: list(found.links),
            Scope.ANY: [found, resource],
        }
        owners = everywhere[field.scope]
        return [python_value(pair.value) for owner in owners for pair in owner.attributes if pair.key == field.key]
    intrinsics: dict[Intrinsic, list[Any]] = {
        Intrinsic.SERVICE: [SERVICE],
        Intrinsic.NAME: [found.name],
        Intrinsic.KIND: [_KINDS[found.kind]],
        Intrinsic.STATUS: [_STATUS[found.status.code]],
        Intrinsic.STATUS_MESSAGE: [found.status.message],
        Intrinsic.DURATION: [found.end_time_unix_nano - found.start_time_unix_nano],
        Intrinsic.ADJUSTED_COUNT: [2.0 if found.trace_state else 1.0],
        Intrinsic.TRACE_STATE: [found.trace_state],
        Intrinsic.TRACE_ID: [found.trace_id.hex()],
        Intrinsic.SPAN_ID: [found.span_id.hex()],
        Intrinsic.PARENT_SPAN_ID: [found.parent_span_id.hex().zfill(16)],
        Intrinsic.SCOPE_NAME: [scope_spans.scope.name],
        Intrinsic.SCOPE_VERSION: [scope_spans.scope.version],
        Intrinsic.EVENT_NAME: [event.name for event in found.events],
        Intrinsic.LINK_TRACE_ID: [link.trace_id.hex() for link in found.links],
        Intrinsic.LINK_SPAN_ID: [link.span_id.hex() for link in found.links],
    }
    return intrinsics[field]


_NOTHING = ("", "0" * 16, "unset", "unspecified")


def fits(one: ExportTraceServiceRequest, wanted: Filter) -> bool:
    if isinstance(wanted, And):
        return all(fits(one, part) for part in wanted.parts)
    if isinstance(wanted, Or):
        return any(fits(one, part) for part in wanted.parts)
    if isinstance(wanted, Not):
        return not fits(one, wanted.part)
    found = values(one, wanted.field)
    if wanted.operator is Operator.EXISTS:
        return any(isinstance(wanted.field, Attribute) or value not in _NOTHING for value in found)
    return any(compares(value, wanted.operator, wanted.value) for value in found)


def compares(value: Any, how: Operator, other: Any) -> bool:
    if how in (Operator.MATCHES, Operator.MATCHES_NOT):
        return isinstance(value, str) and (re.fullmatch(other, value) is not None) == (how is Operator.MATCHES)
    if isinstance(value, bool) or isinstance(other, bool) or isinstance(value, str) or isinstance(other, str):
        return type(value) is type(other) and _COMPARE[how](value, other)
    if not isinstance(value, int | float):
        return False
    if isinstance(other, float):
        return _COMPARE[how](float(value), other)
    return _COMPARE[how](value, other)


@pytest.fixture(scope="module")
def span_ids() -> dict[str, ExportTraceServiceRequest]:
    return {one.resource_spans[0].scope_spans[0].spans[0].span_id.hex(): one for one in REQUESTS}


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    insert(opened, b"".join(one.SerializeToString() for one in REQUESTS), SERVICE)  # a repeated token stores nothing
    yield opened
    opened.close()


def found_by_sql(client: Any, wanted: Filter) -> list[set[str]]:
    """The span ids, from each table that can answer."""
    binder = Binder()
    made = condition(wanted, binder)
    answers = []
    for table in ("trace_spans",) if made.whole else ("trace_spans", "spans"):
        sql = f"SELECT lower(hex(span_id)) FROM {table} WHERE service = '{SERVICE}' AND ({made.sql})"
        answers.append({row[0] for row in client.query(sql, parameters=binder.parameters).result_rows})
    return answers


def check(client: Any, span_ids: dict[str, ExportTraceServiceRequest], wanted: Filter) -> None:
    expected = {span_id for span_id, one in span_ids.items() if fits(one, wanted)}
    for answer in found_by_sql(client, wanted):
        assert answer == expected, wanted


FIELDS = st.one_of(
    st.builds(Attribute, st.sampled_from(Scope), st.sampled_from((*KEYS, "missing"))),
    st.sampled_from([field for field in Intrinsic if field.kind.name == "TEXT" or field is Intrinsic.DURATION]),
)
TEXTS = st.sampled_from([value for value in VALUES if isinstance(value, str)] + ["GET /x", "exception", "tests", "1.0"])
NUMBERS = st.sampled_from([500, -1, 0, 2**63 - 1, 2**53, 10**9])
PATTERNS = st.sampled_from(["a.*", "", ".*", "[0-9]+", "a|exception", "GET /."])


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(FIELDS)
    how = draw(st.sampled_from(Operator))
    value: Any = None
    if field is Intrinsic.DURATION:
        how = how if how in _COMPARE else Operator.GREATER
        value = draw(NUMBERS)
    elif how in (Operator.MATCHES, Operator.MATCHES_NOT):
        value = draw(PATTERNS)
    elif how is not Operator.EXISTS:
        scalars = st.one_of(TEXTS, NUMBERS, st.sampled_from([0.5, 500.0, 1e300]), st.booleans())
        value = draw(scalars if isinstance(field, Attribute) else TEXTS)
        if isinstance(value, bool) and how not in (Operator.EQUAL, Operator.NOT_EQUAL):
            how = Operator.EQUAL
    return Comparison(field, how, value)


def joined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, some), st.builds(Or, some), st.builds(Not, parts))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.recursive(comparisons(), joined, max_leaves=6))
def test_random_filters(client: Any, span_ids: dict[str, ExportTraceServiceRequest], wanted: Filter) -> None:
    check(client, span_ids, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "kind = server",
        "kind != server",
        "kind exists",
        "status = error",
        "not status = error",
        "status exists",
        "adjusted_count > 1",
        "adjusted_count = 1.0",
        "adjusted_count exists",
        "trace_state exists",
        "parent_span_id exists",
        "not parent_span_id exists",
        'parent_span_id = "0"',
        "duration exists",
        'link:trace_id = "04040404040404040404040404040404"',
        'link:span_id != "0404040404040404"',
        "link:span_id exists",
        "event:name exists",
        "service = filter-conditions",
        'span_id = "1"',
        'trace_id != "1"',
    ],
)
def test_fields_that_are_no_attributes(client: Any, span_ids: dict[str, ExportTraceServiceRequest], text: str) -> None:
    check(client, span_ids, parse(text))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.recursive(comparisons(), joined, max_leaves=6))
def test_what_a_filter_needs_is_true_of_all_it_means(client: Any, wanted: Filter) -> None:
    binder = Binder()
    made = condition(wanted, binder)
    if made.needed:
        sql = f"SELECT count() FROM trace_spans WHERE service = '{SERVICE}' AND ({made.sql}) AND NOT ({made.needed})"
        assert client.query(sql, parameters=binder.parameters).result_rows == [(0,)], wanted


def test_what_is_found_out_first() -> None:
    def needed(text: str) -> tuple[int, int]:
        """How many keys are looked for, and how many values in the index."""
        made = condition(parse(text), Binder()).needed
        return made.count("has(attributes.key"), made.count("indexHint(")

    assert needed("span.a = 1") == needed("span.a = 1 and service = x") == (1, 1)
    assert needed("span.a = 1 or service = x") == needed("any.a = x") == (1, 1)
    assert needed("span.a != 1") == needed("span.a > 1") == needed("span.a exists") == (1, 0)
    assert needed("span.a = 1 and (span.b exists or span.c = 2)") == (3, 2)
    assert needed("span.a = 1e300") == (1, 0)  # the double of many whole numbers
    assert needed("span.a = 1 or event.a = 1") == needed("not span.a = 1") == (0, 0)
    first = {text: condition(parse(text), Binder()).needed for text in ("service = x", "resource.a = 1", "event.a = 1")}
    assert [bool(made) for made in first.values()] == [True, True, False]
