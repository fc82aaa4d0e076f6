"""A real Prometheus finds its targets through the collector, and reads the metrics that it makes of spans."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch, wait_for

READ, WRITE = "r" * 20, "w" * 20
SNAPSHOT = b"""# HELP rows Rows written.
# TYPE rows counter
rows_total{service_name="nightly",service_version="2.1",deployment_environment_name="live"} 7.0
# EOF
"""
CONFIGURATION = """
global: {{scrape_interval: 5s, scrape_timeout: 5s}}
scrape_configs:
  - job_name: found
    honor_labels: true
    http_sd_configs:
      - url: {url}/sd/prometheus
        refresh_interval: 1s
        authorization: {{type: Bearer, credentials: {token}}}
  - job_name: collector
    honor_labels: true
    static_configs: [{{targets: ["{admin}"]}}]
"""
Ask = Callable[..., Any]


@pytest.fixture
def running(new_collector: CollectorFactory) -> RunningCollector:
    return new_collector(SPANWISE_COLLECTOR_READ_TOKEN=READ, SPANWISE_COLLECTOR_WRITE_TOKEN=WRITE).start()


@pytest.fixture
def prometheus(running: RunningCollector, tmp_path: Path) -> Iterator[Ask]:
    """Asks it: `(what, **parameters)` -> data."""
    binary = shutil.which("prometheus")
    assert binary, "prometheus is missing: install Debian's package (apt-get install prometheus)"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "prometheus.yml").write_text(
        CONFIGURATION.format(url=running.url, token=READ, admin=running.admin_url.removeprefix("http://"))
    )
    command = [
        binary, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage",
    ]  # fmt: skip
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(what: str, **parameters: Any) -> Any:
        try:
            answer = fetch(f"http://127.0.0.1:{port}/api/v1/{what}?{urlencode(parameters)}")
        except OSError:
            return []
        return answer.json.get("data", []) if answer.status == 200 else []

    try:
        yield ask
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.timeout(720)
def test_targets_snapshots_span_metrics_and_exemplars(running: RunningCollector, prometheus: Ask) -> None:
    write = {"authorization": f"Bearer {WRITE}"}
    registration = {"identity": {"service.name": "found", "service.version": "3"},
                    "metrics": f"{running.admin_url.removeprefix('http://')}/metrics"}  # fmt: skip
    url = f"{running.url}/api/spanwise/instances/found-1"
    assert fetch(url, "PUT", json.dumps(registration).encode(), **write).status == 204
    url = f"{running.url}/api/spanwise/registry/snapshots?instance=job-1"
    assert fetch(url, "POST", SNAPSHOT, **write).status == 204

    def query(promql: str) -> list[Any]:
        found: list[Any] = (prometheus("query", query=promql) or {}).get("result", [])
        return found

    [row] = wait_for(lambda: query('rows_total{instance="job-1"}'), 120, "the snapshot in Prometheus")
    labels = {"service_name": "nightly", "service_version": "2.1", "deployment_environment_name": "live"}
    assert row["value"][1] == "7" and labels.items() <= row["metric"].items()
    wait_for(lambda: query('up{service_name="found", service_version="3"} == 1'), 120, "the instance as a target")

    ids = []
    sent_at = 0.0

    def send() -> None:
        """A call, at most every two seconds."""
        nonlocal sent_at
        if time.monotonic() - sent_at < 2:
            return
        sent_at = time.monotonic()
        trace_id, call = new_trace_id(), new_span_id()
        ids.append(trace_id)
        now = time.time_ns() - 10**8
        caller = span(trace_id=trace_id, span_id=call, name="GET", kind=3, start_ns=now)
        running.send(payload(caller, service="page"), **write)
        served = span(trace_id=trace_id, parent=call, name="GET /x", start_ns=now, trace_state="ot=th:8")
        running.send(payload(served, service="shop"), **write)

    def increased(promql: str) -> bool:
        send()
        return any(float(one["value"][1]) > 0 for one in query(promql))

    # What Grafana's table and its graph ask.
    wait_for(lambda: increased('sum(increase(traces_spanmetrics_calls_total{service="shop", '
                               'span_kind="SPAN_KIND_SERVER"}[2m])) by (span_name)'), 120, "the calls")  # fmt: skip
    wait_for(lambda: increased('sum(increase(traces_service_graph_request_total{client="page", server="shop", '
                               'connection_type=""}[2m])) by (client, server)'), 240, "the edge")  # fmt: skip
    median = 'histogram_quantile(0.5, sum(rate(traces_spanmetrics_latency_bucket{service="shop"}[2m])) by (le))'
    wait_for(lambda: [one for one in query(median) if 0.002 < float(one["value"][1]) < 0.017], 120, "the median")

    def exemplars() -> list[Any]:
        send()
        found = prometheus("query_exemplars", query='traces_spanmetrics_latency_bucket{service="shop"}',
                           start=time.time() - 300, end=time.time() + 60)  # fmt: skip
        return [exemplar for one in found for exemplar in one["exemplars"]]

    found = wait_for(exemplars, 120, "an exemplar")
    assert found[0]["labels"]["trace_id"] in ids
