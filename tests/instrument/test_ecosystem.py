"""Other people's OpenTelemetry instrumentations in our traces: SQLAlchemy's and redis's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.instrument.collector_sink import CollectorSink, attributes
from tests.instrument.conftest import Ran

SERVICE = """
    import fakeredis, json, sqlalchemy, spanwise
    from flask import Flask
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    app = Flask(__name__)
    here = spanwise.instrument(app, service="shop")
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    # Its declared range of versions ends before the one installed here; it works with it all the same.
    SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)
    RedisInstrumentor().instrument()
    cache = fakeredis.FakeRedis()

    @app.get("/basket")
    def basket():
        cache.set("basket", "7")
        with spanwise.span("count"), engine.connect() as connection:
            connection.execute(sqlalchemy.text("select 1 where 1 = :one"), {"one": 1})
        return "7"

    client = app.test_client()
    client.get("/basket")  # kept whole, as the first of its path
    client.get("/basket")
    client.get("/basket")
    print(json.dumps(here.force_flush()))
"""


def service(run: Callable[..., Ran], sink: CollectorSink, rate: str) -> dict[str, list[Any]]:
    """The spans that arrive from three requests, by trace."""
    ran = run(SERVICE, SPANWISE_COLLECTOR_URL=sink.url, OTEL_TRACES_SAMPLER_ARG=rate)
    assert ran.json is True
    traces: dict[str, list[Any]] = {}
    for span in sink.spans():
        traces.setdefault(span.trace_id.hex(), []).append(span)
    return traces


def test_their_spans_are_children_of_ours(run: Callable[..., Ran], sink: CollectorSink) -> None:
    traces = service(run, sink, "1")
    assert len(traces) == 3
    for spans in traces.values():
        (request,) = [span for span in spans if span.name == "GET /basket"]
        (count,) = [span for span in spans if span.name == "count"]
        (redis,) = [span for span in spans if span.name == "SET"]
        queries = [span for span in spans if attributes(span).get("db.statement", "").startswith("select ?")]
        assert request.parent_span_id == b""
        assert count.parent_span_id == redis.parent_span_id == request.span_id
        assert {query.parent_span_id for query in queries} == {count.span_id}
        assert {span.trace_state for span in spans} == {"ot=th:0"}


def test_they_follow_our_decision(run: Callable[..., Ran], sink: CollectorSink) -> None:
    """Of three requests at a rate of next to nothing, the first is there, whole and marked, and nothing else is."""
    (spans,) = service(run, sink, "0.000001").values()
    assert {"GET /basket", "count", "SET"} <= {span.name for span in spans}
    assert {span.trace_state for span in spans} == {"spanwise=kept:first"}


def test_without_sampling_they_make_no_spans(run: Callable[..., Ran], sink: CollectorSink) -> None:
    assert service(run, sink, "0") == {}
