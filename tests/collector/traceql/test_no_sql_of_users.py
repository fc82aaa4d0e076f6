"""No SQL is made of what a user writes: it becomes bound parameters, whatever it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spanwise_collector.tempo
import spanwise_collector.traceql
from spanwise_collector.store import Store
from spanwise_collector.traceql import parse
from spanwise_collector.traceql._metrics import metric_query
from spanwise_collector.traceql._search import spanset_search
from tests.collector.otlp_requests import SECOND
from tests.collector.traceql.conftest import Stored

MARK = "zqxj7"
HOSTILE = st.text(
    alphabet=st.one_of(st.sampled_from("'\"\\`{}()$/*;-%:\0\n ,[]"), st.characters(codec="utf-8")), max_size=20
)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


QUERIES = (
    "{{ span.{0} = {1} }}", "{{ resource.{0} != {1} }}", "{{ .{0} > {1} }}", "{{ event.{0} = {1} }}",
    "{{ link.{0} < {1} }}", "{{ instrumentation.{0} = {1} }}", "{{ name = {1} }}", "{{ span.{0} =~ {1} }}",
    "{{ trace:id = {1} && span:id = {1} }}", "{{}} | by(span.{0}) | max(resource.{0}) > 1 | select(.{0}, event.{0})",
    "{{ span.{0} = {1} }} >> {{ .{0} = resource.{0} }}", "{{ rootName = {1} }} | rate() by(.{0}, resource.{0})",
    "{{}} | quantile_over_time(span.{0}, 0.5) by(event.{0})", "{{}} | compare({{ .{0} = {1} }})",
    "{{ .{0} = {1} }} with(most_recent=true)",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(query=st.sampled_from(QUERIES), name=HOSTILE, value=HOSTILE)
def test_the_sql_has_nothing_of_it(query: str, name: str, value: str) -> None:
    parsed = parse(query.format(quoted(name + MARK), quoted(MARK + value)))
    if parsed.metric is None:
        search = spanset_search(parsed.pipeline)
        sql = [condition.sql for condition in search.conditions] + list(search.places.values())
        parameters = {**search.parameters, **search.candidate_parameters}
    else:
        made = metric_query(parsed.pipeline, parsed.metric, SECOND)
        sql, parameters = list(made.places.values()), made.parameters
    assert not any(MARK in text for text in sql)
    assert any(MARK in str(bound) for bound in parameters.values())


@pytest.mark.parametrize(
    "text", ["'\\' OR 1=1 -- {c0:String} %s $names /*names*/ ü\n", "\0", "\\'; DROP TABLE spans; --"]
)
def test_the_engine_takes_it_as_text(stored: Stored, store: Store, text: str) -> None:
    for query in QUERIES:
        parsed = parse(query.format(quoted(text), quoted(re.escape(text) if "=~" in query else text)))
        if parsed.metric is None:
            stored.traceql.search(parsed.pipeline, 5, 1, stored.from_ns, stored.to_ns)
        else:
            stored.traceql.metrics(parsed, stored.from_ns, 8 * SECOND, 4)


@pytest.mark.parametrize("room", [spanwise_collector.traceql, spanwise_collector.tempo])
def test_statements_are_in_sql_files(room: object) -> None:
    folder = Path(str(room.__file__)).parent  # type: ignore[attr-defined]
    for file in folder.glob("*.py"):
        assert not re.search(r"\b(SELECT|FROM [a-z(]|JOIN|WHERE|GROUP BY|UNION)\b", _code(file)), file


def _code(file: Path) -> str:
    return re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
