"""No SQL is made of a user's text: what the source may do, and what a fuzzer finds in the SQL of every query API."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spanwise_collector
from spanwise_collector.api import Services
from spanwise_collector.app import create_app
from spanwise_collector.keeping import Keeping
from spanwise_collector.query import AttributeCatalog, Catalog, Measures, Minutes, Patterns, TraceReader, TraceSearch
from spanwise_collector.spool import Spool
from spanwise_collector.store import Asking, ClientPool, Store
from spanwise_collector.traceql import TraceQL

SOURCE = Path(spanwise_collector.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
_SQL = re.compile(r"\b(SELECT|INSERT INTO|ALTER TABLE|DELETE|DROP|WHERE|GROUP BY|ORDER BY|CREATE|KILL)\b")
# What brings SQL to the engine.
_CALLS = frozenset({"query", "command", "raw_query", "raw_insert", "query_row_block_stream", "query_rows_stream"})
# The one name that is put into SQL: of the database, out of the settings, and checked there.
_DATABASE = "CREATE DATABASE IF NOT EXISTS "


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_store_talks_to_the_engine_and_no_python_holds_sql(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found = _SQL.search(node.value)
            assert found is None or node.value in (_DATABASE, "DELETE"), (
                f"line {node.lineno}: SQL belongs in a .sql file"
            )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
            assert path.parent.name == "store", f"line {node.lineno}: ask ClientPool.rows"


def test_every_place_in_a_query_is_a_parameter_or_a_condition() -> None:
    for path in sorted((SOURCE / "store" / "queries").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for place in re.findall(r"/\*(.*?)\*/", text, re.DOTALL):
            assert re.fullmatch(r"\w+", place), f"{path.name}: {place}"
        for place in re.findall(r"\{(.*?)\}", text):
            assert re.fullmatch(r"\w+:[\w()]+", place), f"{path.name}: {place}"
        assert "$" not in text, f"{path.name}: parameters are bound, not substituted"


# --- the fuzzer -------------------------------------------------------------------------------------------------------

# Whatever a request holds has this word in it, and no SQL may.
CANARY = "qzcanary"
_BREAKERS = (
    *(
        "'",
        '"',
        "\\",
        "`",
        "/*",
        "*/",
        "--",
        ";",
        "{",
        "}",
        "$",
        "%s",
        ")",
        "(",
        "\n",
        "\x00",
        "é",
        "|",
        ".",
        "=",
        "&",
        "~",
    ),
    *("{c0:String}", "/*matching*/", "' OR 1=1 --", "\\' OR sleep(3) --", "toString(1)", " "),
)
hostile = st.lists(st.sampled_from(_BREAKERS), max_size=6).map(lambda parts: "".join([*parts[:3], CANARY, *parts[3:]]))


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def filters(text: str) -> list[str]:
    """The text as key and value of our filters and of TraceQL, in each place where one can be."""
    value = quoted(text)
    return [
        text,
        f"service = {value} and not (name =~ {value} or span.{value} = {value})",
        f"resource.{value} exists or event.{value} != 1 or link.{value} =~ {value} or scope.{value} = true",
        f"any.{value} !~ {value} and event:name = {value} and scope:version = {value} and status_message = {value}",
    ]


def traceql(text: str) -> list[str]:
    value = quoted(text)
    return [
        text,
        f"{{ .{value} = {value} && resource.service.name =~ {value} || name != {value} }}",
        f"{{ span.{value} = {value} }} >> {{ event:name = {value} }} | by(span.{value}) | select(resource.{value})",
        f"{{ statusMessage = {value} }} | rate() by (span.{value}, resource.{value})",
    ]


def requests(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """`(path, parameters)` of every query API."""
    ours = "/api/spanwise"
    window = {"start": "1", "end": "2000000000000000000"}
    for one in filters(text):
        yield f"{ours}/traces", {"filter": one}
        yield f"{ours}/traces", {"filter": one, "service": text, "operation": text, "sort": "duration", **window}
        yield f"{ours}/red", {"filter": one, "by": [f"span.{quoted(text)}", f"resource.{quoted(text)}"]}
        yield f"{ours}/facets", {"filter": one, "by": [f"event.{quoted(text)}", f"link.{quoted(text)}"]}
    for name in ("sort", "order", "page", "limit", "start", "end", "min_duration", "error", text):
        yield f"{ours}/traces", {name: text}
    yield f"{ours}/operations", {"service": text}
    yield f"{ours}/summaries", {"trace_id": text}
    yield f"{ours}/traces/{CANARY}", {}
    yield f"{ours}/red", {"by": text, "step": text, "quantiles": text}
    yield f"{ours}/heatmap", {"service": text, "operation": text}
    yield f"{ours}/attributes", {"service": text}
    yield f"{ours}/attributes/values", {"field": f"scope.{quoted(text)}"}
    for name in ("annotationQuery", "spanName", "serviceName", "remoteServiceName", "endTs"):
        yield "/api/v2/traces", {name: text}
    yield "/api/v2/traces", {"annotationQuery": f"{text}={text} and {text}"}
    yield "/api/v2/spans", {"serviceName": text}
    yield "/api/v2/remoteServices", {"serviceName": text}
    yield "/api/v2/autocompleteValues", {"key": text}
    yield f"/api/v2/trace/{CANARY}", {}
    yield "/api/traces", {"service": text, "operation": text, "tags": json.dumps({text: text})}
    yield "/api/traces", {"tag": f"{text}:{text}", "minDuration": text}
    yield "/api/operations", {"service": text, "spanKind": text}
    yield "/api/v3/operations", {"service": text, "span_kind": text}
    yield "/api/v3/traces", {"query.service_name": text, "query.operation_name": text, "query.attributes": text}
    yield "/api/metrics/calls", {"service": text, "spanKind": text, "groupByOperation": "true"}
    for one in traceql(text):
        yield "/api/search", {"q": one, "start": "1", "end": "2000000000"}
        yield "/api/metrics/query_range", {"q": one, "start": "1795275366", "end": "1795275966", "step": "60s"}
        yield "/api/v2/search/tag/.service.name/values", {"q": one}
    yield "/api/search", {"tags": f"{text}={text}"}
    yield "/api/v2/search/tags", {"scope": text}
    yield f"/api/v2/search/tag/span.{CANARY}/values", {}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", 10_000_000)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def web(store: Store, pool: ClientPool, spool: Spool) -> FlaskClient:
    search = TraceSearch(pool, 7 * 86_400.0)
    known: dict[str, Any] = {
        "catalog": Catalog(pool),
        "search": search,
        "traces": TraceReader(pool),
        "traceql": TraceQL(pool, search, 10.0, 1000),
        "minutes": Minutes(pool),
        "measures": Measures(pool),
        "patterns": Patterns(pool),
        "attributes": AttributeCatalog(pool),
        "keeping": Keeping(store, spool, 1000),
    }
    make: Any = Services  # what the query APIs do not ask stays None
    return create_app(make(**{one.name: known.get(one.name) for one in dataclasses.fields(Services)})).test_client()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=hostile)
def test_no_text_of_a_request_is_in_any_sql(web: FlaskClient, text: str) -> None:
    ran = 0
    for path, parameters in requests(text):
        with pytest.MonkeyPatch.context() as patch:
            noted = Asking()
            patch.setattr("spanwise_collector.api._asking.Asking", lambda **_: noted)
            answer = web.get(path, query_string=parameters)
        assert answer.status_code < 500, (path, parameters, answer.get_data(as_text=True)[:500])
        for one in noted.ran:
            assert CANARY not in one.sql, (path, parameters, one.name)
        ran += len(noted.ran)
    assert ran > 30, "that many queries were looked at"


@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST"])
def test_keeping_takes_no_other_ids_than_ids(web: FlaskClient, method: str) -> None:
    for given_id in (f"{CANARY}", "0' OR '1'='1", "00000000000000000000000000000001'--", "$table"):
        for path in (f"/api/spanwise/traces/{given_id}", f"/api/spanwise/traces/{given_id}/pin"):
            answer = web.open(path, method=method)
            assert answer.status_code in (400, 405), (path, answer.status_code)
