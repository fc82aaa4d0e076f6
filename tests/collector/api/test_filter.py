"""The language of filters: what it means, and what it says to what it does not understand."""

from __future__ import annotations

import pytest

from spanwise_collector.query import BadSearchError
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
    parse,
    parse_all,
    parse_field,
)

SERVICE = Comparison(Intrinsic.SERVICE, Operator.EQUAL, "a")
NAME = Comparison(Intrinsic.NAME, Operator.EQUAL, "b")
SLOW = Comparison(Intrinsic.DURATION, Operator.GREATER, 250_000_000)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("service = a", SERVICE),
        ('service = "a"', SERVICE),
        ('service=="a"', SERVICE),
        ("service = a and name = b or duration > 250ms", Or((And((SERVICE, NAME)), SLOW))),
        ("service = a and (name = b or duration > 250ms)", And((SERVICE, Or((NAME, SLOW))))),
        ("service = a AND NOT name = b", And((SERVICE, Not(NAME)))),
        ("not service = a and name = b", And((Not(SERVICE), NAME))),
        ("not (service = a and name = b)", Not(And((SERVICE, NAME)))),
        ("not not service = a", Not(Not(SERVICE))),
        ("service=a&&!name=b||duration>0.25s", Or((And((SERVICE, Not(NAME))), SLOW))),
        ("service = a or name = b or duration > 250ms", Or((SERVICE, NAME, SLOW))),
        ("((service = a))", SERVICE),
    ],
)
def test_what_joins_comparisons(text: str, meaning: Filter) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "field", "operator", "value"),
    [
        ("span.http.route =~ /albums.*", "/", None, None),
        ('span.http.route =~ "/albums/.*"', Attribute(Scope.SPAN, "http.route"), "=~", "/albums/.*"),
        ("resource.host.name !~ web-[0-9]", None, None, None),
        ('span."odd key" != "x"', Attribute(Scope.SPAN, "odd key"), "!=", "x"),
        ('any.k8s/pod-name = "p"', Attribute(Scope.ANY, "k8s/pod-name"), "=", "p"),
        ("span.http.response.status_code >= 500", Attribute(Scope.SPAN, "http.response.status_code"), ">=", 500),
        ('span.http.response.status_code = "500"', Attribute(Scope.SPAN, "http.response.status_code"), "=", "500"),
        ("span.ratio < -1.5e3", Attribute(Scope.SPAN, "ratio"), "<", -1500.0),
        ("span.large = 9223372036854775807", Attribute(Scope.SPAN, "large"), "=", 2**63 - 1),
        ("span.larger = 9223372036854775808", Attribute(Scope.SPAN, "larger"), "=", float(2**63)),
        ("span.cache.hit = true", Attribute(Scope.SPAN, "cache.hit"), "=", True),
        ("service = true", Intrinsic.SERVICE, "=", "true"),
        ("event.exception.type exists", Attribute(Scope.EVENT, "exception.type"), "exists", None),
        ("link.kind = retry", Attribute(Scope.LINK, "kind"), "=", "retry"),
        ("scope.feature exists", Attribute(Scope.SCOPE, "feature"), "exists", None),
        ('event:name = "cache miss"', Intrinsic.EVENT_NAME, "=", "cache miss"),
        ("scope:name = tests", Intrinsic.SCOPE_NAME, "=", "tests"),
        ("kind != server", Intrinsic.KIND, "!=", "server"),
        ("status = error", Intrinsic.STATUS, "=", "error"),
        ("duration <= 1.5µs", Intrinsic.DURATION, "<=", 1500),
        ("duration = 42", Intrinsic.DURATION, "=", 42),
        ("trace_id = AB12", Intrinsic.TRACE_ID, "=", "ab12".zfill(32)),
        ("span_id = 12", Intrinsic.SPAN_ID, "=", "12".zfill(16)),
        ("parent_span_id exists", Intrinsic.PARENT_SPAN_ID, "exists", None),
        ("adjusted_count > 1", Intrinsic.ADJUSTED_COUNT, ">", 1),
        (r'name = "a \"b\" \\ \n \d"', Intrinsic.NAME, "=", 'a "b" \\ \n \\d'),
    ],
)
def test_one_comparison(text: str, field: object, operator: str | None, value: object) -> None:
    if operator is None:
        with pytest.raises(BadSearchError, match="column"):
            parse(text)
        return
    assert parse(text) == Comparison(field, Operator(operator), value)  # type: ignore[arg-type]
    assert type(parse(text).value) is type(value)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "column", "named"),
    [
        ("", 1, "a field"),
        ("service", 8, "one of ="),
        ("service =", 10, "a value"),
        ("service = and", 11, "a value"),
        ("= a", 1, "a field"),
        ("servcie = a", 1, "servcie"),
        ("http.route = a", 1, "span.KEY"),
        ("span. = a", 1, "span.KEY"),
        ("service = a name = b", 13, "and, or"),
        ("service = a and", 16, "a field"),
        ("(service = a", 13, ")"),
        ("service = a)", 12, "the end"),
        ('service = "a', 11, "closing"),
        ("service = 'a'", 11, "double quotes"),
        ("service; DROP TABLE spans", 8, "understood"),
        ("service = 1", 11, "text"),
        ("duration > fast", 12, "250ms"),
        ("duration =~ 250ms", 13, "regular expression"),
        ("kind = sever", 8, "server"),
        ("kind > server", 8, "= and !="),
        ("status = failed", 10, "error"),
        ("trace_id = xyz", 12, "hexadecimal"),
        ("span.x > true", 10, "no order"),
        ("span.x = 250ms", 10, "quotes"),
        ("span.x =~ 1", 11, "regular expression"),
        ("not", 4, "a field"),
        ("(" * 60 + "service = a" + ")" * 60, 51, "nested"),
        (" or ".join(["service = a"] * 101), 1501, "100"),
    ],
)
def test_what_is_not_understood_is_told_with_its_column(text: str, column: int, named: str) -> None:
    with pytest.raises(BadSearchError) as raised:
        parse(text)
    message = str(raised.value)
    assert f"column {column}:" in message
    assert named in message
    assert "\n" not in message
    assert len(message) < 500


def test_a_filter_has_a_largest_length() -> None:
    with pytest.raises(BadSearchError, match="8192"):
        parse("service = a or " * 600 + "service = a")


def test_fields_alone() -> None:
    assert parse_field("service") is Intrinsic.SERVICE
    assert parse_field("span.http.route") == Attribute(Scope.SPAN, "http.route")
    with pytest.raises(BadSearchError, match="route"):
        parse_field("route")


def test_the_filters_of_a_request_share_their_limits() -> None:
    assert len(parse_all(["any.a = 1"] * 20)) == 20
    with pytest.raises(
        BadSearchError, match=r"column 15: more than 20 comparisons of any.KEY.* span.KEY or resource.KEY"
    ):
        parse_all(["any.a = 1"] * 19 + ["any.a = 1 and any.a = 2"])
    parse_all(["span.a = 1"] * 100)
    with pytest.raises(BadSearchError, match="column 1: more than 100 comparisons"):
        parse_all(["span.a = 1"] * 101)
