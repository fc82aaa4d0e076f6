"""Queries that are being written, as an editor's completion sends them: what is whole in them counts, nothing fails."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise_collector.traceql import _tree as tree
from spanwise_collector.traceql import field_of_tag, filter_so_far, parse
from tests.collector.traceql.test_parse import shape


def condition(query: str) -> object:
    first = parse(query).pipeline.stages[0]
    assert isinstance(first, tree.Filter)
    return shape(first.condition)


@pytest.mark.parametrize(
    ("given_query", "meant"),
    [
        ("", "{}"),
        ("{ }", "{}"),
        ("{", "{}"),
        ("{ resource.service.name= }", "{}"),
        ("{ .a = 1 && resource.service.name= }", "{ .a = 1 }"),
        ("{ resource.service.name= && .a = 1 }", "{ .a = 1 }"),
        ("{ .a = 1 && .b = 2 && }", "{ .a = 1 && .b = 2 }"),
        ("{ .a = 1 && span.", "{ .a = 1 }"),
        ('{ .a = "x && y" && .b }', '{ .a = "x && y" && .b }'),
        ('{ .a = "x && y" && .b = }', '{ .a = "x && y" }'),
        ('{ .a = "q\\" && }" && .b = }', '{ .a = "q\\" && }" }'),
        ("{ .a = `}` && .b = }", "{ .a = `}` }"),
        ("{ (.a = 1 || .b = 2) && .c = }", "{ .a = 1 || .b = 2 }"),
        ("{ .a = 1 } | rate()", "{ .a = 1 }"),
        ("{ .a = 1 } | rate(", "{ .a = 1 }"),
        ("{ .a = 1 || .b = }", "{}"),
        ("nothing", "{}"),
    ],
)
def test_what_is_whole_counts(given_query: str, meant: str) -> None:
    assert shape(filter_so_far(given_query)) == condition(meant)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from('{}().&|=!<>~"`\\ \nab1,nil:')))
def test_nothing_fails(text: str) -> None:
    filter_so_far(text)


@settings(deadline=None)
@given(st.integers(0, 100))
def test_a_query_cut_anywhere_does_not_fail(length: int) -> None:
    filter_so_far('{ resource.service.name="x" && (span.n > 1 || name =~ "a.*") && duration>100ms } | rate()'[:length])


@pytest.mark.parametrize(
    ("tag", "scope", "name"),
    [
        ("span.http.route", "span", "http.route"), ("resource.service.name", "resource", "service.name"),
        (".foo", "", "foo"), ("foo", "", "foo"), ("foo.bar", "", "foo.bar"),
        ("span.path/with/slash", "span", "path/with/slash"),
        ('span."with space"', "span", "with space"), ("event.exception.type", "event", "exception.type"),
        ("instrumentation.x", "instrumentation", "x"), ("span.", "", "span."),
    ],
)  # fmt: skip
def test_tags_are_attributes(tag: str, scope: str, name: str) -> None:
    field = field_of_tag(tag)
    assert isinstance(field, tree.Attribute) and (field.scope, field.name) == (scope, name)


@pytest.mark.parametrize(
    ("tag", "name"),
    [("status", "status"), ("span:status", "status"), ("trace:rootName", "rootName"), ("event:name", "eventName")],
)
def test_tags_are_intrinsic_fields(tag: str, name: str) -> None:
    field = field_of_tag(tag)
    assert isinstance(field, tree.Intrinsic) and field.name == name
