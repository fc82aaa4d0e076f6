"""The grammar and the type checker: what a mistake is called, and which parentheses may be left out."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from spanwise_collector.traceql import TraceQLError, parse


def shape(node: Any) -> Any:
    """The tree without its columns."""
    if is_dataclass(node):
        left_out = ("at", "depth")
        return (
            type(node).__name__,
            *(shape(getattr(node, one.name)) for one in fields(node) if one.name not in left_out),
        )
    return tuple(shape(one) for one in node) if isinstance(node, tuple) else node


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{ .a && .b || .c }", "{ (.a && .b) || .c }"),
        ("{ .a || .b && .c }", "{ (.a || .b) && .c }"),
        ("{ .a = 1 && .b = 2 }", "{ (.a = 1) && (.b = 2) }"),
        ("{ .a + 1 > .b }", "{ (.a + 1) > .b }"),
        ("{ .a + .b * 2 = 1 }", "{ (.a + (.b * 2)) = 1 }"),
        ("{ .a * .b ^ 2 = 1 }", "{ (.a * (.b ^ 2)) = 1 }"),
        ("{ .a ^ .b ^ .c = 1 }", "{ (.a ^ (.b ^ .c)) = 1 }"),
        ("{ .a - .b - .c = 1 }", "{ ((.a - .b) - .c) = 1 }"),
        ("{ .a / .b % .c = 1 }", "{ ((.a / .b) % .c) = 1 }"),
        ("{ -.a ^ 2 = 1 }", "{ (-(.a ^ 2)) = 1 }"),
        ("{ -.a + 2 = 1 }", "{ ((-.a) + 2) = 1 }"),
        ("{ !.a && .b }", "{ (!.a) && .b }"),
        ("{} && {} || {}", "({} && {}) || {}"),
        ("{} || {} && {}", "({} || {}) && {}"),
        ("{} && {} > {}", "{} && ({} > {})"),
        ("{} > {} >> {}", "({} > {}) >> {}"),
        ("{} | count() + 1 > 2", "{} | (count() + 1) > 2"),
        ("{.a}||{.b}", "{ .a } || { .b }"),
        ("{1>.a}", "{ 1 > .a }"),
        ("{span.a=-1}", "{ span.a = (-1) }"),
    ],
)
def test_precedence(written: str, meant: str) -> None:
    assert shape(parse(written)) == shape(parse(meant))


@pytest.mark.parametrize(
    ("query", "column", "named"),
    [
        ("", 1, "expected \\( or \\{, found the end"),
        ("x", 1, "expected \\( or \\{, found 'x'"),
        ("{", 2, "found the end"),
        ("{ .a = }", 8, "an attribute such as .* found '}'"),
        ("{ resource.service.name= }", 26, "text such as"),
        ("{ .a = 1 && }", 13, "found '}'"),
        ("{ a = 1 }", 3, "an attribute such as span.http.route"),
        ('{ .a = "x }', 8, "text such as"),
        ("{} |", 5, "count, .* found the end"),
        ("{} | rate", 10, "\\("),
        ("{} | count()", 13, "<, .* found the end"),
        ("{} | rate() | count() > 1", 15, "bottomk or topk"),
        ("{ .a = 1 } }", 12, "the end of the query"),
        ("{ span:foo = 1 }", 3, "there is no span:foo"),
        ("{ kind = 1 }", 8, "a kind cannot be compared with a number"),
        ('{ status = "error" }', 10, "a status cannot be compared with text"),
        ("{ name > 1 }", 8, "text cannot be compared with a number"),
        ("{ status > error }", 10, "has no order"),
        ("{ .a < true }", 6, "has no order"),
        ("{ .a > nil }", 6, "with nil only"),
        ("{ duration }", 3, "needs true or false, this is a number"),
        ('{ "a" }', 3, "needs true or false, this is text"),
        ("{ 1 && .a }", 3, "&& needs true or false, this is a number"),
        ("{ !name }", 4, "! needs true or false, this is text"),
        ("{ name + 1 = 2 }", 3, "\\+ needs a number, this is text"),
        ("{ -kind = 1 }", 4, "- needs a number, this is a kind"),
        ("{ .a =~ 1 }", 9, "=~ needs a pattern in quotes"),
        ("{ .a =~ .b }", 9, "=~ needs a pattern in quotes"),
        ('{ duration =~ "1" }', 3, "=~ needs text, this is a number"),
        ("{ event.a + 1 = 2 }", 3, "a span may have many of event.a"),
        ("{ event.a }", 3, "a span may have many"),
        ("{ event.a = link.b }", 11, "only one side"),
        ("{} | avg(name) > 1", 10, "avg needs a number, this is text"),
        ("{} | select(1 + 2)", 15, "select\\(\\) takes attributes"),
        ("{} | quantile_over_time(duration, 2)", 6, "quantile 2 is not from 0 to 1"),
        ("{} | min_over_time(name)", 20, "needs a number, this is text"),
        ("{} | compare({ name })", 16, "needs true or false"),
        ("{} | rate() | topk(0)", 20, "from 1 to 1000"),
        ("{ .a = 99999999999999999999 }", 8, "larger than 64 bits"),
        ("{ .a = 1e999 }", 8, "larger than a double"),
        ("{ .a = " + "9" * 5000 + " }", 8, "larger than 64 bits"),
        ("{ .a = 9999999999999h }", 8, "larger than 64 bits"),
        ("{} | rate() | topk(" + "9" * 5000 + ")", 20, "larger than 64 bits"),
        ("{} | compare({}, 10, 1, " + "9" * 30 + ")", 25, "larger than 64 bits"),
        ("{ .a = 1 } && { " + " || ".join([".b = 1"] * 20) + " }", 207, "without a scope.* span\\. or resource\\."),
    ],
)
def test_a_mistake_is_named_with_its_column(query: str, column: int, named: str) -> None:
    with pytest.raises(TraceQLError) as raised:
        parse(query)
    assert re.fullmatch(f"TraceQL, column {column}: .*{named}.*", str(raised.value)), str(raised.value)


@pytest.mark.parametrize(
    "query", ["{" + "(" * 200 + ".a" + ")" * 200 + "}", "{ " + " && ".join(["span.a = 1"] * 100) + " }"]
)
def test_parentheses_and_chains_may_be_long(query: str) -> None:
    parse(query)


@pytest.mark.parametrize("query", ["{ " + " && ".join([".a = 1"] * 500) + " }", "{ " + "!" * 500 + ".a }"])
def test_what_is_too_deep_is_refused_in_one_line(query: str) -> None:
    with pytest.raises(TraceQLError, match="nested deeper than 150 levels"):
        parse(query)


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(TraceQLError, match="longer than 32768 characters"):
        parse("{ .a = `" + "x" * 40_000 + "` }")


@pytest.mark.parametrize("ranks", ["topk(3)", "bottomk(3)"])
def test_ranks_need_a_metric(ranks: str) -> None:
    with pytest.raises(TraceQLError):
        parse(f"{{}} | {ranks}")


@pytest.mark.parametrize(
    ("written", "duration_ns"),
    [("1ns", 1), ("1us", 1000), ("1µs", 1000), ("1.5ms", 1_500_000), ("0.1s", 10**8), ("1m30s", 90 * 10**9),
     ("1h", 3600 * 10**9), ("2d", 172_800 * 10**9), ("1.000000001s", 10**9 + 1), ("0s", 0)],
)  # fmt: skip
def test_durations_are_exact(written: str, duration_ns: int) -> None:
    assert shape(parse(f"{{ duration = {written} }}"))[1][1][0][1][3][2] == duration_ns
