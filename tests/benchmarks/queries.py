"""How fast the collector answers over ten million spans, while ten thousand a second arrive.

The store is filled once, with the spans of bench-intake spread evenly over the last 24 hours, fifty services with
twenty operations each that call each other, and is kept in a cache folder; each run works on a copy of it. Every
question is asked over HTTP: once apart, because nothing is warm yet, then so many times, with other parameters each
time. Every first answer is checked. Progress goes to stderr; the last line of stdout is JSON.

    python tests/benchmarks/queries.py [--spans 10000000] [--runs 100] [--rate 10000] [--cache FOLDER] [--fill-only]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from intake import Case, Collector, Template, client, http_sender, percentile, request_template
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CACHE = Path(__file__).parents[2] / ".cache" / "bench-queries"
SERVICES = tuple(f"service-{number:02d}" for number in range(50))
DAY_NS = 86_400 * 10**9
HOUR_NS = 3_600 * 10**9
REQUEST_SPANS = 512
TEMPLATES_PER_SERVICE = 4
RARE, RARE_COUNT = "order.needle", 20
# Spans are kept for so long in the copy, and a cache that is older is filled anew.
RETENTION = "30d"
OLDEST_CACHE_NS = 20 * DAY_NS
RSS_LIMIT_MB = 900
LINK_LIMIT_S = 3600.0
UPGRADE_LIMIT_S = 600
SETTLE_S = 20


# --- filling


def template(service: str, callee: str, rng: random.Random) -> bytes:
    """A request of two services: of each trace, half of the spans are the callee's, so that there are edges."""
    message = ExportTraceServiceRequest.FromString(request_template(REQUEST_SPANS, rng, service))
    of_callee = ExportTraceServiceRequest.FromString(request_template(8, rng, callee)).resource_spans[0]
    spans = message.resource_spans[0].scope_spans[0].spans
    first_half = [span for number, span in enumerate(spans) if number % 8 < 4]
    second_half = [span for number, span in enumerate(spans) if number % 8 >= 4]
    for span in second_half:
        span.kind = 2
    del of_callee.scope_spans[0].spans[:]
    of_callee.scope_spans[0].spans.extend(second_half)
    own = message.resource_spans[0].scope_spans[0]
    kept = [type(span).FromString(span.SerializeToString()) for span in first_half]
    del own.spans[:]
    own.spans.extend(kept)
    message.resource_spans.append(of_callee)
    return message.SerializeToString()


class MovableTemplate(Template):
    """A template whose times can be changed in its bytes too."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        message = ExportTraceServiceRequest.FromString(payload)
        spans = [span for one in message.resource_spans for scope in one.scope_spans for span in scope.spans]
        self.services = {one.resource.attributes[0].value.string_value for one in message.resource_spans}
        self._earliest_ns = min(span.start_time_unix_nano for span in spans)
        self._times: list[tuple[int, int]] = []  # where a time is, and how long after the earliest
        parents = {span.span_id: index for index, one in enumerate(message.resource_spans)
                   for scope in one.scope_spans for span in scope.spans}  # fmt: skip
        self.calls = sum(
            parents.get(span.parent_span_id, index) != index
            for index, one in enumerate(message.resource_spans)
            for scope in one.scope_spans
            for span in scope.spans
        )
        position = 0
        for span in spans:
            position = payload.index(b"\x12\x08" + span.span_id, position)
            for tag, at in ((b"\x39", span.start_time_unix_nano), (b"\x41", span.end_time_unix_nano)):
                self._times.append((payload.index(tag + struct.pack("<Q", at), position) + 1, at - self._earliest_ns))
            for event in span.events:
                place = payload.index(b"\x09" + struct.pack("<Q", event.time_unix_nano), position) + 1
                self._times.append((place, event.time_unix_nano - self._earliest_ns))

    def fresh_at(self, rng: random.Random, start_ns: int) -> bytes:
        """The request with new ids, beginning then."""
        for place, after in self._times:
            struct.pack_into("<Q", self._payload, place, start_ns + after)
        return self.fresh(rng)


def rare_request(number: int, start_ns: int, rng: random.Random) -> bytes:
    """One span that has what only twenty spans have."""
    message = ExportTraceServiceRequest.FromString(request_template(1, rng, SERVICES[number % len(SERVICES)]))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.start_time_unix_nano, span.end_time_unix_nano = rng.randbytes(16), start_ns, start_ns + 10**7
    span.attributes.add(key=RARE).value.string_value = "in the haystack"
    return message.SerializeToString()


def fill(folder: Path, spans: int) -> dict[str, Any]:
    """Returns the manifest: when it was filled, how many spans and calls there are, and some of the trace ids."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = random.Random(2026)
    templates = [
        MovableTemplate(
            template(service, SERVICES[(number + 1 + (number * 7 + which) % (len(SERVICES) - 1)) % len(SERVICES)], rng)
        )
        for which in range(TEMPLATES_PER_SERVICE)
        for number, service in enumerate(SERVICES)
    ]
    collector = Collector(folder)
    try:
        manifest = send_all(collector, templates, spans, rng)
    finally:
        collector.stop()
    # Old minutes are linked when a collector starts.
    collector = Collector(folder)
    try:
        say("waiting for the edges")
        window = {"start": manifest["ended_ns"] - DAY_NS, "end": manifest["ended_ns"] + HOUR_NS}
        asked = Questions(collector.facts["url"])
        wait(lambda: asked.calls(window) >= manifest["calls"], LINK_LIMIT_S, "the edges")
    finally:
        collector.stop()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return manifest


def send_all(collector: Collector, templates: list[MovableTemplate], spans: int, rng: random.Random) -> dict[str, Any]:
    """Sends until the store has all; returns the manifest."""
    ended_ns = time.time_ns() - 60 * 10**9
    requests = max(spans // REQUEST_SPANS, RARE_COUNT)
    every_rare, every_id = requests // RARE_COUNT, max(requests // 500, 1)
    send = patient_sender(collector)
    calls, sent, began = 0, 0, time.monotonic()
    services: set[str] = set()
    trace_ids: list[str] = []
    for number in range(requests):
        at = ended_ns - DAY_NS + number * DAY_NS // requests
        chosen = templates[number % len(templates)]
        body = chosen.fresh_at(rng, at)
        calls += chosen.calls
        services |= chosen.services
        sent += REQUEST_SPANS
        if number % every_id == 0:
            message = ExportTraceServiceRequest.FromString(body)
            trace_ids.append(message.resource_spans[0].scope_spans[0].spans[0].trace_id.hex())
        send(body)
        if number % every_rare == 0 and number // every_rare < RARE_COUNT:
            send(rare_request(number, at, rng))
            sent += 1
        if number % 2000 == 0:
            say(f"sent {sent:,} of {spans:,} spans in {time.monotonic() - began:.0f} s")
    wait(lambda: collector.metric("spanwise_collector_stored_spans_total") >= sent, LINK_LIMIT_S, "the last insert")
    return {"spans": sent, "calls": calls, "ended_ns": ended_ns, "trace_ids": trace_ids,
            "services": sorted(services), "schema": schema()}  # fmt: skip


def patient_sender(collector: Collector) -> Callable[[bytes], None]:
    send = http_sender(collector.address("http"))

    def sender(body: bytes) -> None:
        while not send(body):
            time.sleep(0.2)

    return sender


def schema() -> int:
    from spanwise_collector.store._migrations import migrations

    return migrations()[-1].version


# Opens the store, writes its parts again, because some settings hold for new parts alone, and waits for what migrations
# do in the background.
_UPGRADE = """
import sys, time
from pathlib import Path
from spanwise_collector.store import Store
store = Store("chdb://", Path(sys.argv[1]), 512 * 2**20)
store.open()
client = store.client()
for table in ("trace_spans", "spans"):
    client.command(f"ALTER TABLE {table} REWRITE PARTS SETTINGS mutations_sync = 1")
while client.query("SELECT count() FROM system.mutations WHERE NOT is_done").result_rows[0][0]:
    time.sleep(0.5)
client.close()
store.close()
"""


def cached(cache: Path, spans: int) -> tuple[Path, dict[str, Any]]:
    folder = cache / str(spans)
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["schema"] <= schema() and time.time_ns() - manifest["ended_ns"] < OLDEST_CACHE_NS:
            if manifest["schema"] < schema():
                say(f"the cache is of schema {manifest['schema']}: it is brought to {schema()}, and written again")
                subprocess.run(
                    [sys.executable, "-c", _UPGRADE, str(folder / "data")], check=True, timeout=UPGRADE_LIMIT_S
                )
                manifest["schema"] = schema()
                (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
            return folder, manifest
        say("the cache is of a later schema, or too old: it is filled anew")
    except (OSError, ValueError, KeyError):
        say(f"filling {folder} with {spans:,} spans, once")
    return folder, fill(folder, spans)


# --- asking


@dataclass
class Questions:
    """Asks over one connection, as a client does."""

    url: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def ask(self, path: str, **query: Any) -> Any:
        given = f"{path}?{urlencode(query)}" if query else path
        self.connection.request("GET", given)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{given}: {answer.status}: {body[:300].decode(errors='replace')}")
        return json.loads(body)

    def calls(self, window: dict[str, int]) -> int:
        milliseconds = {"endTs": window["end"] // 10**6, "lookback": (window["end"] - window["start"]) // 10**6}
        return sum(link["callCount"] for link in self.ask("/api/v2/dependencies", **milliseconds))


@dataclass(frozen=True)
class Question:
    """`ask` asks it with parameters drawn anew; `right` says whether an answer may be the right one."""

    name: str
    limit_p50_ms: float
    ask: Callable[[random.Random], Any]
    right: Callable[[Any], bool]


def questions(asked: Questions, manifest: dict[str, Any]) -> Iterator[Question]:
    end = manifest["ended_ns"] + 10**9
    day = {"start": end - DAY_NS - 10**9, "end": end}
    newest = {**day, "limit": 20}
    names = manifest["services"]
    dense = manifest["spans"] >= 1_000_000  # fewer spans leave some minutes and combinations empty

    def one_trace(draw: random.Random) -> Any:
        return asked.ask(f"/api/spanwise/traces/{draw.choice(manifest['trace_ids'])}")

    def by_service(draw: random.Random) -> Any:
        return asked.ask("/api/spanwise/traces", service=draw.choice(names),
                         operation=f"GET /things/{draw.randrange(20)}", min_duration="5ms", **newest)  # fmt: skip

    def red(draw: random.Random) -> Any:
        start = end - DAY_NS + draw.randrange(23) * HOUR_NS
        return asked.ask("/api/spanwise/red", by="service", step="1m", limit=50, start=start, end=start + HOUR_NS)

    def dependencies(draw: random.Random) -> Any:
        return asked.ask("/api/v2/dependencies", endTs=(end - draw.randrange(60) * 10**9) // 10**6, lookback=86_400_000)

    def attribute(predicate: str) -> Callable[[random.Random], Any]:
        return lambda draw: asked.ask("/api/spanwise/traces", filter=predicate, **newest)

    def one_user(draw: random.Random) -> Any:
        """A value that few spans have, or none, of a key that all have: nothing but an index finds it."""
        return asked.ask("/api/spanwise/traces", filter=f'span.user.id = "u-{draw.randrange(10**5)}"', **newest)

    def found(count: int) -> Callable[[Any], bool]:
        return lambda answer: len(answer["traces"]) == count

    yield Question("trace_by_id", 20, one_trace, lambda answer: len(answer["spans"]) == 8)
    yield Question("service_list", 10, lambda draw: asked.ask("/api/spanwise/services"),
                   lambda answer: set(names) <= {one["name"] for one in answer["services"]})  # fmt: skip
    yield Question("operation_list", 10,
                   lambda draw: asked.ask("/api/spanwise/operations", service=draw.choice(names)),
                   lambda answer: len({one["name"] for one in answer["operations"]}) == 20 or not dense)  # fmt: skip
    yield Question("service_operation_duration", 50, by_service,
                   lambda answer: len(answer["traces"]) == 20 or not dense)  # fmt: skip
    yield Question("attribute_rare", 200, attribute(f'span.{RARE} = "in the haystack"'), found(RARE_COUNT))
    yield Question("attribute_rare_value", 200, one_user, lambda answer: len(answer["traces"]) <= 20)
    yield Question("attribute_common", 200, attribute("span.http.response.status_code = 500"), found(20))
    yield Question("red_by_service", 60, red,
                   lambda answer: len(answer["series"]) == len(SERVICES) or not dense)  # fmt: skip
    yield Question("dependencies", 60, dependencies, lambda answer: len(answer) >= len(names) // 2)


def measure(question: Question, runs: int) -> dict[str, Any]:
    draw = random.Random(question.name)

    def timed() -> tuple[float, Any]:
        began = time.perf_counter()
        answer = question.ask(draw)
        return (time.perf_counter() - began) * 1000, answer

    first_ms, answer = timed()
    if not question.right(answer):
        raise SystemExit(f"{question.name}: not the right answer: {json.dumps(answer)[:500]}")
    took = sorted(timed()[0] for _ in range(runs))
    p50 = percentile(took, 0.5)
    return {
        "first_ms": round(first_ms, 1),
        "p50_ms": round(p50, 1),
        "p99_ms": round(percentile(took, 0.99), 1),
        "limit_p50_ms": question.limit_p50_ms,
        "within": p50 <= question.limit_p50_ms,
    }


def run(folder: Path, manifest: dict[str, Any], runs: int, rate: int, only: list[str] | None) -> dict[str, Any]:
    collector = Collector(folder, "--retention", RETENTION)
    sender = None
    try:
        address = collector.address("http")
        if rate:
            case = Case("arriving", "http", REQUEST_SPANS, rate)
            arguments = (case, address, 0, 1, 86_400.0, 1, multiprocessing.Queue())
            sender = multiprocessing.Process(target=client, args=arguments, daemon=True)
            sender.start()
            wait(lambda: collector.metric("spanwise_collector_stored_spans_total") > 0, 60, "the first arriving span")
        # A collector that has just begun merges and cleans up what the one before it left.
        time.sleep(SETTLE_S)
        before, began = collector.metric("spanwise_collector_received_spans_total"), time.monotonic()
        results = {}
        for question in questions(Questions(collector.facts["url"]), manifest):
            if not only or question.name in only:
                results[question.name] = measure(question, runs)
                say(f"{question.name} {json.dumps(results[question.name])}")
        arrived = collector.metric("spanwise_collector_received_spans_total") - before
        peak_mb = round(collector.peak_rss_bytes() / 1e6)
        return {
            "arriving_spans_per_s": round(arrived / (time.monotonic() - began)),
            "peak_rss_mb": peak_mb,
            "limit_rss_mb": RSS_LIMIT_MB,
            "within_rss": peak_mb <= RSS_LIMIT_MB,
            "questions": results,
        }
    finally:
        if sender is not None:
            sender.terminate()
            sender.join()
        collector.stop()


def wait(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"{what} did not come in {limit_s:g} s")
        time.sleep(0.5)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=10_000_000, help="how many the store is filled with (10,000,000)")
    parser.add_argument("--runs", type=int, default=100, help="how often each question is asked (100)")
    parser.add_argument(
        "--rate", type=int, default=10_000, help="spans a second that arrive meanwhile (10,000; 0: none)"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"where filled stores are kept ({CACHE})")
    parser.add_argument("--question", action="append", help="only these")
    parser.add_argument("--fill-only", action="store_true", help="fill the store and stop")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is not kept")
    arguments = parser.parse_args()
    folder, manifest = cached(arguments.cache, arguments.spans)
    if arguments.fill_only:
        return 0
    copy = arguments.cache / f"{arguments.spans}.copy"
    shutil.rmtree(copy, ignore_errors=True)
    try:
        subprocess.run(["cp", "-r", "--reflink=auto", str(folder), str(copy)], check=True)
        found = run(copy, manifest, arguments.runs, arguments.rate, arguments.question)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    kept = found["within_rss"] and all(one["within"] for one in found["questions"].values())
    head = {"benchmark": "queries", "spans": manifest["spans"], "runs": arguments.runs, "cpus": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1), "within_limits": kept}  # fmt: skip
    print(json.dumps(head | found))
    return 0 if kept or not arguments.check else 1


if __name__ == "__main__":
    sys.exit(main())
