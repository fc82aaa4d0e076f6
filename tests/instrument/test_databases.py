"""Statements of SQLAlchemy are counted by system, operation and error, with real engines of two kinds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spanwise.databases import operation_of
from tests.instrument.conftest import Ran


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("select 1", "SELECT"),
        ("  \n-- why\n/* traceparent='x' */ INSERT INTO t VALUES (1)", "INSERT"),
        ("(SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM t", "WITH"),
        ("hunter2", "_OTHER"),
        ("", "_OTHER"),
        ("/* never closed", "_OTHER"),
    ],
)
def test_operations(statement: str, operation: str) -> None:
    assert operation_of(statement) == operation


SERVICE = """
import asyncio, json
%s
import spanwise
instrumentation = spanwise.instrument(service="x", sample_rate=1.0, export=lambda body: None)
spanwise.instrument()
import sqlalchemy
from sqlalchemy import text
engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE t (a INTEGER UNIQUE)"))
    with spanwise.span("sampled") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
        connection.execute(text("INSERT INTO t VALUES (:a)"), [{"a": 1}, {"a": 2}])
    assert len(list(connection.execute(text("SELECT a FROM t")))) == 2
for _ in range(2):
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
    except sqlalchemy.exc.IntegrityError:
        pass
try:
    sqlalchemy.create_engine("sqlite:////nowhere/at/all").connect()
except sqlalchemy.exc.OperationalError:
    pass
from prometheus_client import REGISTRY
found, exemplars = {}, []
for family in REGISTRY.collect():
    if family.name == "db_client_operation_duration_seconds":
        for sample in family.samples:
            if sample.name.endswith("_count"):
                found[" ".join(sample.labels.values())] = sample.value
            if sample.exemplar:
                exemplars.append(sample.exemplar.labels["trace_id"])
print(json.dumps([found, exemplars == [trace_id]]))
"""


@pytest.mark.parametrize("before", ["", "import sqlalchemy"], ids=["imported after", "imported before"])
def test_every_statement_once(run: Callable[..., Ran], before: str) -> None:
    found, exemplar = run(SERVICE % before).json
    assert found == {
        "sqlite CREATE ": 1,
        "sqlite INSERT ": 1,
        "sqlite SELECT ": 1,
        "sqlite INSERT sqlite3.IntegrityError": 2,
    }
    assert exemplar
