"""Under gevent's monkey-patching every thread of ours is a greenlet: nothing of ours may hold up the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.instrument.collector_sink import HANG, CollectorSink, attributes
from tests.instrument.conftest import Ran

SERVICE = """
from gevent import monkey
monkey.patch_all()
import json, os, time
import gevent
from gevent.pywsgi import WSGIServer
import requests
import spanwise
from flask import Flask, request
from opentelemetry import trace

app = Flask("shop")
instrumentation = spanwise.instrument(app, service="shop", sample_rate=1.0)

@app.get("/wait/<int:number>")
def wait(number):
    with spanwise.span("inner", number=number):
        gevent.sleep(0.05)  # all others come in meanwhile
        with spanwise.span("innermost", number=number):
            gevent.sleep(0.05)
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"

server = WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
url = f"http://127.0.0.1:{server.server_port}"
began = time.monotonic()
jobs = [gevent.spawn(requests.get, f"{url}/wait/{number}", timeout=20) for number in range(20)]
gevent.joinall(jobs, timeout=30)
answers = [job.value.text for job in jobs]
took = time.monotonic() - began
flushed = instrumentation.force_flush(float(os.environ.get("FLUSH", "10")))
metrics = requests.get(f"{instrumentation.admin_url}/metrics", timeout=10).text
began = time.monotonic()
instrumentation.shutdown()
ended = time.monotonic() - began
server.stop()
print(json.dumps([answers, took, flushed, metrics, ended]))
"""


def counted(metrics: str) -> list[str]:
    """How often the route was, as the lines say."""
    name, route = "http_server_request_duration_seconds_count{", 'http_route="/wait/<int:number>"'
    return [line.split()[-1] for line in metrics.splitlines() if line.startswith(name) and route in line]


def test_requests_spans_and_metrics(run: Callable[..., Ran], sink: CollectorSink) -> None:
    answers, _, flushed, metrics, _ = run(SERVICE, SPANWISE_COLLECTOR_URL=sink.url).json
    assert flushed
    assert len(set(answers)) == 20
    by_trace: dict[str, dict[str, Any]] = {}
    for span in sink.spans():
        if span.name != "GET" or span.kind == 2:
            by_trace.setdefault(span.trace_id.hex(), {})[span.name] = span
    assert set(answers) <= set(by_trace)
    for trace_id in answers:
        spans = by_trace[trace_id]
        server, inner, innermost = spans["GET /wait/<int:number>"], spans["inner"], spans["innermost"]
        assert (innermost.parent_span_id, inner.parent_span_id) == (inner.span_id, server.span_id)
        assert attributes(inner) == attributes(innermost)
    assert counted(metrics) == ["20.0"]


def test_a_collector_that_hangs_holds_up_nobody(run: Callable[..., Ran], sink: CollectorSink) -> None:
    sink.always = HANG
    began = time.monotonic()
    answers, took, flushed, metrics, ended = run(SERVICE, SPANWISE_COLLECTOR_URL=sink.url, FLUSH="0.5").json
    assert len(set(answers)) == 20
    assert not flushed
    assert counted(metrics) == ["20.0"]
    assert took < 10  # one request to the collector may hang for as long
    assert ended < 2.5
    assert time.monotonic() - began < 40
