"""How fast the collector takes spans in: acknowledged, stored and visible, and what it costs.

Starts `spanwise collector` as a user does, on free ports and a temporary folder, sends pre-serialised requests from
several processes over loopback, and waits until a query finds the last trace of each connection. One insert fills every
table but `edges`, and batches go in one after the other, so then all are stored. Each case has a collector of its own.
Progress goes to stderr; the last line of stdout is JSON.

Afterwards each table is compared with the spans that were acknowledged (`stored_exactly`): as many spans in both tables
of spans, in the summaries and in the RED sums; and each operation, attribute key and origin of a span in its catalog.
Edges come some seconds after their spans (docs/decisions/0015), so what the collector had not linked when it stopped is
linked before they are counted; the time and CPU of that are not in the figures.

A span has 8 attributes, its resource 5, a trace 8 spans with true parents, and 5 % have an event. The generator makes a
few dozen requests beforehand, and gives them new random ids, in their bytes, each time that it sends them.

    python tests/benchmarks/intake.py [--seconds 30] [--clients 2] [--case NAME ...]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANWISE = str(Path(sys.executable).with_name("spanwise"))
SPANS_PER_TRACE = 8
TEMPLATES = 40
MOVE_EVERY_S = 5.0
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DRAIN_LIMIT_S = 180.0
# How long to wait before asking again whether a trace is there: a share of the wait so far, because the questions cost
# the collector CPU too, which is being measured.
POLL_SHARE = 0.05
POLL_AT_LEAST_S = 0.02
POLL_AT_MOST_S = 0.5


@dataclass(frozen=True)
class Case:
    """`rate` is spans a second over all clients, 0 as fast as it goes; `moving`: the spans' times go with the clock."""

    name: str
    protocol: str
    spans: int
    rate: int = 0
    seconds: float | None = None
    moving: bool = False


CASES = (
    Case("http_512", "http", 512),
    Case("http_50", "http", 50),
    Case("grpc_512", "grpc", 512),
    Case("grpc_50", "grpc", 50),
    Case("burst_http_512", "http", 512, 105_000, 10.0),
)


def request_template(spans: int, rng: random.Random, service: str | None = None) -> bytes:
    """One request of a service, which is drawn where none is given. Its ids are replaced by a `Template`."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    service = service or rng.choice(("checkout", "catalog", "cart", "users"))
    for key, value in (
        ("service.name", service),
        ("service.namespace", "shop"),
        ("service.version", "1.4.2"),
        ("service.instance.id", f"{service}-{rng.randrange(8)}"),
        ("deployment.environment.name", "production"),
    ):
        resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = "bench", "1"
    now = time.time_ns()
    for index in range(spans):
        if index % SPANS_PER_TRACE == 0:
            trace_id, parents = rng.randbytes(16), []
        span = scope_spans.spans.add(trace_id=trace_id, span_id=rng.randbytes(8), flags=257)
        if parents:
            span.parent_span_id = rng.choice(parents)
        parents.append(span.span_id)
        route = rng.randrange(20)
        span.name, span.kind = f"GET /things/{route}", 2 if len(parents) == 1 else 3
        span.start_time_unix_nano = now - rng.randrange(10**9)
        span.end_time_unix_nano = span.start_time_unix_nano + int(rng.lognormvariate(15, 1.5))
        status = 500 if rng.random() < 0.02 else 200
        if status == 500:
            span.status.code = 2
        attributes: dict[str, str | int | float | bool] = {
            "http.request.method": "GET",
            "http.route": f"/things/{route}",
            "http.response.status_code": status,
            "url.path": f"/things/{rng.randrange(10**6)}",
            "server.address": f"10.0.0.{rng.randrange(20)}",
            "user.id": f"u-{rng.randrange(10**5)}",
            "cache.hit": rng.random() < 0.5,
            "price": round(rng.random() * 100, 2),
        }
        for key, value in attributes.items():
            pair = span.attributes.add(key=key)
            field = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
            setattr(pair.value, field, value)
        if rng.random() < 0.05:
            event = span.events.add(name="retry", time_unix_nano=span.start_time_unix_nano)
            event.attributes.add(key="attempt").value.int_value = 2
    return message.SerializeToString()


class Template:
    """A request whose ids can be changed in its bytes, so that sending costs the generator nearly nothing."""

    def __init__(self, payload: bytes) -> None:
        message = ExportTraceServiceRequest.FromString(payload)
        spans = [span for one in message.resource_spans for scope in one.scope_spans for span in scope.spans]
        self._payload = bytearray(payload)
        # Where each span has its trace id, its span id and its parent's id, and whose ids these are.
        self._places: list[tuple[int, int, int | None, int, int]] = []
        numbers = {span.span_id: number for number, span in enumerate(spans)}
        traces: dict[bytes, int] = {}
        position = 0
        for number, span in enumerate(spans):
            position = payload.index(b"\x0a\x10" + span.trace_id + b"\x12\x08" + span.span_id, position)
            trace = traces.setdefault(span.trace_id, len(traces))
            parent = payload.index(b"\x22\x08" + span.parent_span_id, position) + 2 if span.parent_span_id else None
            parent_number = numbers.get(span.parent_span_id, number)
            self._places.append((position + 2, trace * 16, parent, number * 8, parent_number * 8))

    def fresh(self, rng: random.Random) -> bytes:
        """The request with new ids, and the same parents."""
        payload = self._payload
        noise = rng.randbytes(len(self._places) * 8)
        traces = rng.randbytes(len(self._places) * 2 + 16)
        for place, trace, parent, own, parents in self._places:
            payload[place : place + 16] = traces[trace : trace + 16]
            payload[place + 18 : place + 26] = noise[own : own + 8]
            if parent is not None:
                payload[parent : parent + 8] = noise[parents : parents + 8]
        return bytes(payload)

    def move(self, by_ns: int) -> None:
        """Makes all times so much later; every time has eight bytes, so nothing else moves."""
        message = ExportTraceServiceRequest.FromString(bytes(self._payload))
        for span in (span for one in message.resource_spans for scope in one.scope_spans for span in scope.spans):
            span.start_time_unix_nano += by_ns
            span.end_time_unix_nano += by_ns
            for event in span.events:
                event.time_unix_nano += by_ns
        self._payload[:] = message.SerializeToString()

    def first_trace_id(self, payload: bytes) -> str:
        """Of what `fresh` returned, in hexadecimal."""
        place = self._places[0][0]
        return payload[place : place + 16].hex()


def http_sender(address: str) -> Callable[[bytes], bool]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(body: bytes) -> bool:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        return response.status == 200

    return send


def grpc_sender(address: str) -> Callable[[bytes], bool]:
    import grpc

    call = grpc.insecure_channel(address).unary_unary(EXPORT)

    def send(body: bytes) -> bool:
        try:
            call(body, timeout=60)
        except grpc.RpcError:
            return False
        return True

    return send


def client(case: Case, address: str, number: int, threads: int, seconds: float, clients: int, results: Any) -> None:
    """One process of `threads` connections; puts (acknowledged requests, refused, waits in seconds, began, ended, last
    trace of each connection)."""
    import threading

    rng = random.Random(number)
    templates = [request_template(case.spans, rng) for _ in range(TEMPLATES)]
    waits: list[float] = []
    refused = [0]
    last_traces: dict[int, str] = {}
    began = time.time()
    until = began + seconds
    interval = case.spans * clients * threads / case.rate if case.rate else 0.0

    def run(thread: int) -> None:
        mine = [Template(payload) for payload in templates[thread::threads]]
        send = (http_sender if case.protocol == "http" else grpc_sender)(address)
        own_rng = random.Random(f"{number} {thread} {began}")
        count = 0
        due = moved = time.time()
        while time.time() < until:
            if case.moving and time.time() - moved >= MOVE_EVERY_S:
                for template in mine:
                    template.move(int(MOVE_EVERY_S * 1e9))
                moved += MOVE_EVERY_S
            template = mine[count % len(mine)]
            body = template.fresh(own_rng)
            count += 1
            due += interval
            if interval and due > time.time():
                time.sleep(due - time.time())
            sent = time.perf_counter()
            if send(body):
                waits.append(time.perf_counter() - sent)
                last_traces[thread] = template.first_trace_id(body)
            else:
                refused[0] += 1
                time.sleep(0.05)

    workers = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put((len(waits), refused[0], waits, began, time.time(), list(last_traces.values())))


class Collector:
    """The collector under test, and what the system says about it."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.data = folder / "data"
        ports = [word for name in ("--port", "--otlp-port", "--grpc-port", "--admin-port") for word in (name, "0")]
        self._log = (folder / "log").open("wb")
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "OTEL_"))}
        self.process = subprocess.Popen(
            [SPANWISE, "collector", "--data", str(self.data), *ports, *flags],
            stdout=self._log,
            stderr=self._log,
            env=environ,
        )
        self.facts = self._facts()

    def _facts(self) -> dict[str, Any]:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                facts: dict[str, Any] = json.loads((self.data / "collector.lock").read_text())
                urllib.request.urlopen(f"{facts['url']}/readyz", timeout=5).close()
                return facts
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        raise SystemExit("the collector did not come up")

    def address(self, protocol: str) -> str:
        return str(self.facts["otlp_grpc"] if protocol == "grpc" else self.facts["otlp_url"].removeprefix("http://"))

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.facts['admin_url']}/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def shows(self, trace_id: str) -> bool:
        """Whether a query finds the trace."""
        try:
            urllib.request.urlopen(f"{self.facts['url']}/api/spanwise/traces/{trace_id}", timeout=30).close()
        except urllib.error.HTTPError as error:
            error.close()
            return False
        return True

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_bytes(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


# Merges all parts, counts what is in each table and weighs it; in a process of its own: the engine takes one folder.
_INSPECT = """
import json, sys
from pathlib import Path
from spanwise_collector.store import Store
from spanwise_collector.store._edges import link, unlinked
store = Store("chdb://", Path(sys.argv[1]), 2_000_000_000)
store.open()
client = store.client()
one = lambda sql: client.query(sql).result_rows[0][0]
for minute in unlinked(client):
    link(client, minute)
with_spans = ("spans", "trace_spans", "traces", "red_minutes", "service_minutes", "edges")
tables = (*with_spans, "operations", "attribute_keys", "origins")
for table in tables:
    client.command(f"OPTIMIZE TABLE {table} FINAL")
of_others = "WHERE service != 'spanwise-collector'"
own = one("SELECT count() FROM trace_spans WHERE service = 'spanwise-collector'")
catalog = lambda columns, source: one(f"SELECT count() FROM (SELECT DISTINCT {columns} FROM {source})")
print(json.dumps({
    "spans": one(f"SELECT count() FROM spans {of_others}"),
    "trace_spans": one(f"SELECT count() FROM trace_spans {of_others}"),
    "traces": one("SELECT sum(span_count) FROM traces") - own,
    "red_minutes": one(f"SELECT sum(span_count) FROM red_minutes {of_others}"),
    "service_minutes": one(f"SELECT sum(span_count) FROM service_minutes {of_others}"),
    "edges": one("SELECT sum(span_count) FROM edges FINAL WHERE parent = '' AND child = ''") - own,
    "catalogs": {
        "operations": catalog("service, name, kind", "operations") == catalog("service, name, kind", "spans"),
        "attribute_keys": catalog("service, key, type", "attribute_keys")
        == catalog("service, a.key, a.type", "spans ARRAY JOIN attributes AS a"),
        "origins": catalog("origin", "origins") == catalog("origin", "spans"),
    },
    "bytes": {t: one(
        "SELECT sum(bytes_on_disk) FROM system.parts"
        f" WHERE active AND database = currentDatabase() AND table = '{t}'") for t in tables},
}))
client.close()
store.close()
"""


def inspect(data: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _INSPECT, str(data)], check=True, capture_output=True, text=True, timeout=600
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def percentile(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def measure(case: Case, seconds: float, clients: int, threads: int) -> dict[str, Any]:
    seconds = case.seconds or seconds
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder))
        try:
            figures = _load(collector, case, seconds, clients, threads)
        finally:
            collector.stop()
        stored = inspect(collector.data)
    sent = figures["acknowledged_spans"]
    counted = ("spans", "trace_spans", "traces", "red_minutes", "service_minutes", "edges")
    figures["stored_exactly"] = {table: stored[table] == sent for table in counted} | stored["catalogs"]
    figures["bytes_per_span"] = round(sum(stored["bytes"].values()) / max(sent, 1), 1)
    figures["bytes_per_span_by_table"] = {
        table: round(size / max(sent, 1), 1) for table, size in stored["bytes"].items()
    }
    return figures


def _load(collector: Collector, case: Case, seconds: float, clients: int, threads: int) -> dict[str, Any]:
    results: Any = multiprocessing.Queue()
    arguments = (case, collector.address(case.protocol))
    cpu = collector.cpu_s()
    processes = [
        multiprocessing.Process(target=client, args=(*arguments, number, threads, seconds, clients, results))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=seconds + 120) for _ in processes]
    for process in processes:
        process.join()
    spans = sum(answer[0] for answer in answers) * case.spans
    began, ended = min(answer[3] for answer in answers), max(answer[4] for answer in answers)
    until = time.time() + DRAIN_LIMIT_S
    # Batches go in one after the other, so when the last trace of each connection is found, all are.
    missing = [trace_id for answer in answers for trace_id in answer[5]]
    while missing and time.time() < until:
        if not collector.shows(missing[-1]):
            waited_s = time.time() - ended
            time.sleep(min(max(waited_s * POLL_SHARE, POLL_AT_LEAST_S), POLL_AT_MOST_S))
            continue
        missing.pop()
    visible = time.time()
    waits = sorted(wait for answer in answers for wait in answer[2])
    return {
        "acknowledged_spans": spans,
        "refused_requests": sum(answer[1] for answer in answers),
        "acknowledged_spans_per_s": round(spans / (ended - began)),
        "stored_spans_per_s": round(spans / (visible - began)),
        "drain_s": round(visible - ended, 2),
        "all_visible": not missing,
        "ack_p50_ms": round(percentile(waits, 0.5) * 1000, 1),
        "ack_p99_ms": round(percentile(waits, 0.99) * 1000, 1),
        "cpu_s_per_million_spans": round((collector.cpu_s() - cpu) / max(spans, 1) * 1e6, 1),
        "peak_rss_mb": round(collector.peak_rss_bytes() / 1e6),
    }


def cases(names: list[str] | None) -> Iterator[Case]:
    for case in CASES:
        if not names or case.name in names:
            yield case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each case sends (the burst: 10)")
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--connections", type=int, default=4, help="connections of each client process")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only these")
    arguments = parser.parse_args()
    found = {}
    for case in cases(arguments.case):
        found[case.name] = measure(case, arguments.seconds, arguments.clients, arguments.connections)
        print(case.name, json.dumps(found[case.name]), file=sys.stderr, flush=True)
    print(json.dumps({"benchmark": "intake", "seconds": arguments.seconds, "cases": found}))


if __name__ == "__main__":
    main()
