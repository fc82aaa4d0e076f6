"""What a stopped collector's folder holds, table by table, read with an engine of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.collector_under_load import CALLEE, SERVICE, Load

_READ = f"""
import json, sys
from pathlib import Path
from spanwise_collector.store import Store
store = Store("chdb://", Path(sys.argv[1]), 512_000_000)
store.open()
client = store.client()
def rows(sql):
    return [[v.decode() if isinstance(v, bytes) else v for v in row] for row in client.query(sql).result_rows]
from spanwise_collector.store import _edges
for minute in _edges.unlinked(client):
    _edges.link(client, minute)
of = "WHERE service = '{SERVICE}'"
print(json.dumps({{
    "spans": rows(f"SELECT lower(hex(span_id)), count() FROM spans {{of}} GROUP BY 1"),
    "trace_spans": rows(f"SELECT lower(hex(span_id)), count() FROM trace_spans {{of}} GROUP BY 1"),
    "traces": rows(
        "SELECT lower(hex(trace_id)), sum(span_count) FROM traces"
        f" WHERE trace_id IN (SELECT trace_id FROM trace_spans {{of}}) GROUP BY 1"),
    "red": rows(f"SELECT sum(span_count), sum(weighted_count) FROM red_minutes {{of}}"),
    "service_red": rows(f"SELECT sum(span_count), sum(weighted_count) FROM service_minutes {{of}}"),
    "edges": rows(
        "SELECT sum(span_count), sum(weighted_calls) FROM edges WHERE parent = '{SERVICE}'"
        " AND (minute, version) IN (SELECT minute, max(version) FROM edges WHERE parent = '' GROUP BY minute)"),
    "callees": rows(
        "SELECT uniqExact(span_id) FROM trace_spans WHERE service = '{CALLEE}' AND (trace_id, parent_span_id) IN"
        f" (SELECT trace_id, span_id FROM trace_spans {{of}})"),
}}))
client.close()
store.close()
"""


@dataclass(frozen=True)
class Ledger:
    """Counts by span id in both tables of spans, by trace id in the summaries, the RED sums, and the edges' sums beside
    the calls that are stored."""

    spans: Counter[str]
    trace_spans: Counter[str]
    traces: Counter[str]
    red_count: int
    red_weight: float
    edge_count: int
    edge_weight: float
    callees: int


def read(data: Path) -> Ledger:
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(data)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    (red,) = found["red"]
    assert found["service_red"] == [red], "the sums of services and of operations differ"
    by_name = {name: Counter(dict(found[name])) for name in ("spans", "trace_spans", "traces")}
    (edges,), ((callees,),) = found["edges"], found["callees"]
    counts = (int(red[0]), float(red[1]), int(edges[0]), float(edges[1]), int(callees))
    return Ledger(by_name["spans"], by_name["trace_spans"], by_name["traces"], *counts)


def assert_exactly_once(data: Path, load: Load, lost: set[str] | None = None) -> Ledger:
    """Every acknowledged span (but `lost` ones) is in every table once, and nothing is in one that was not sent."""
    ledger = read(data)
    acknowledged = {span_id for _, span_id in load.acknowledged} - (lost or set())
    for table in (ledger.spans, ledger.trace_spans):
        assert not acknowledged - set(table), f"{len(acknowledged - set(table))} acknowledged spans are lost"
        assert not {span_id for span_id, count in table.items() if count != 1}, "some spans are stored twice"
        assert set(table) <= acknowledged | load.unanswered | (lost or set())
    assert ledger.spans == ledger.trace_spans
    assert sum(ledger.traces.values()) == len(ledger.spans) + ledger.callees, "the summaries count other spans"
    assert ledger.red_count == len(ledger.spans), "the RED sums count other spans"
    assert ledger.red_weight == len(ledger.spans)
    assert ledger.edge_count == ledger.edge_weight == ledger.callees, "the edges count other calls"
    return ledger
