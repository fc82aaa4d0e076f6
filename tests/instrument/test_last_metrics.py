"""A job that ends before a scrape leaves its metrics with the collector: once, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from spanwise_collector.registry import Snapshots
from tests.instrument.collector_sink import GARBAGE, HANG, Answer, CollectorSink, Received, free_port
from tests.instrument.conftest import Ran

JOB = """
import http.client, os, sys, time
import spanwise
instrumentation = spanwise.instrument(service="nightly", version="2.1", admin_host="127.0.0.1", admin_port=0)
rows = spanwise.counter("rows_written", unit="{row}", description="Rows written.", better="higher")

@spanwise.task("settle")
def settle():
    rows.inc(7)

def ask(**headers):
    connection = http.client.HTTPConnection("127.0.0.1", instrumentation.admin.port, timeout=5)
    connection.request("GET", "/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse().read()

settle()
%s
print("settled")
"""
SNAPSHOTS = "/api/spanwise/registry/snapshots"


def snapshots_of(sink: CollectorSink) -> list[Received]:
    return [request for request in sink.requests if request.path.startswith(SNAPSHOTS)]


def values(request: Received) -> dict[str, float]:
    families = text_string_to_metric_families(request.body.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_its_last_metrics_arrive_before_it_says_goodbye(
    run: Callable[..., Ran], sink: CollectorSink, tmp_path: Path
) -> None:
    ran = run(JOB % "", SPANWISE_COLLECTOR_URL=sink.url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20x")
    assert (ran.code, ran.stdout) == (0, "settled\n")
    (request,) = snapshots_of(sink)
    assert request.method == "POST"
    assert request.headers["authorization"] == "Bearer x"
    assert request.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = values(request)
    assert (found["rows_written_total"], found["messaging_process_duration_seconds_count"]) == (7, 1)
    instance = request.path.partition("instance=")[2]
    after = sink.requests[sink.requests.index(request) + 1 :]
    assert [each.path for each in after if each.method == "DELETE"] in (
        [],  # it ended before it was registered
        [f"/api/spanwise/instances/{instance}"],
    )

    (tmp_path / "collector").mkdir()  # and the collector takes it
    registry = Snapshots(tmp_path / "collector" / "snapshots")
    registry.load()
    registry.put(instance, request.body, "")
    assert registry.current()[0].labels["service_name"] == "nightly"


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ("ask()", True),  # somebody has looked, not Prometheus
        ("ask(X_Prometheus_Scrape_Timeout_Seconds='10')", False),
        ("raise SystemExit(3)", True),
        ("raise ValueError('the job failed')", True),
        ("instrumentation.shutdown(); instrumentation.shutdown()", True),
        ("os._exit(0)", False),
    ],
)
def test_who_leaves_one(run: Callable[..., Ran], sink: CollectorSink, more: str, sent: bool) -> None:
    run(JOB % more, SPANWISE_COLLECTOR_URL=sink.url)
    assert len(snapshots_of(sink)) == int(sent)


SERVICE = """
import spanwise
from flask import Flask
app = Flask("shop")
spanwise.instrument(app, service="shop")
if %s:
    app.test_client().get("/").close()
if %s:
    with spanwise.task("reindex"):
        pass
"""


@pytest.mark.parametrize(("answers", "works", "sent"), [(1, 0, 0), (0, 0, 0), (1, 1, 0), (0, 1, 1)])
def test_a_service_is_not_a_job_but_its_command_may_be(
    run: Callable[..., Ran], sink: CollectorSink, answers: int, works: int, sent: int
) -> None:
    assert run(SERVICE % (answers, works), SPANWISE_COLLECTOR_URL=sink.url).code == 0
    assert len(snapshots_of(sink)) == sent


def test_a_job_of_several_processes_leaves_one_sum(run: Callable[..., Ran], sink: CollectorSink) -> None:
    children = """
for _ in range(3):
    if os.fork() == 0:
        settle()
        sys.exit(0)
for _ in range(3):
    os.wait()
"""
    ran = run(JOB % children, SPANWISE_COLLECTOR_URL=sink.url)
    assert ran.code == 0, ran.stderr
    assert ran.stdout.endswith("settled\n")
    (request,) = snapshots_of(sink)
    assert values(request)["rows_written_total"] == 28


@pytest.mark.parametrize("way", ["down", "hangs", "garbage", "refuses", "is full"])
def test_a_collector_in_trouble_breaks_no_job(run: Callable[..., Ran], sink: CollectorSink, way: str) -> None:
    answers = {"hangs": HANG, "garbage": GARBAGE, "refuses": Answer(403, body=b"not yours"), "is full": Answer(503)}
    sink.always = answers.get(way, sink.always)
    url = f"http://127.0.0.1:{free_port()}" if way == "down" else sink.url
    code = "began = time.monotonic(); instrumentation.shutdown(); print(time.monotonic() - began)"
    ran = run(JOB % code, SPANWISE_COLLECTOR_URL=url)
    assert ran.code == 0, ran.stderr
    took, settled = ran.stdout.split()
    assert settled == "settled"
    assert float(took) <= 2.5
    (line,) = [line for line in ran.stderr.splitlines() if "last metrics" in line]
    assert line.startswith("spanwise: the last metrics of this job could not be left with the collector: ")
    assert "Traceback" not in ran.stderr


def test_too_many_are_not_sent(run: Callable[..., Ran], sink: CollectorSink) -> None:
    many = """
labels = spanwise.gauge("many", unit="{x}", description="Many.", labels=("a",))
for number in range(900):
    labels.labels(str(number) * 500).set(1)
"""
    began = time.monotonic()
    ran = run(JOB % many, SPANWISE_COLLECTOR_URL=sink.url)
    assert ran.code == 0
    assert "bytes are more than the 1,048,576 that it takes" in ran.stderr
    assert snapshots_of(sink) == []
    assert time.monotonic() - began < 30
