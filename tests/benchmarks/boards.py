"""How long it takes to generate and check the boards of a large fleet, and how much memory.

    python tests/benchmarks/boards.py [--services 1000] [--metrics 20]

The last line is JSON; the exit code is 1 beyond 10 s or 300 MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from spanwise.settings import resolve
from spanwise.standard import Better, Kind, Metric, Role, ServiceKind
from spanwise_dashboards.checks import check_boards
from spanwise_dashboards.checks.vocabulary import standard
from spanwise_dashboards.discovery import Service
from spanwise_dashboards.output import write
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate

MOST_S, MOST_MB = 10.0, 300.0
KINDS = ((Kind.COUNTER, "_total", "{thing}"), (Kind.GAUGE, "", "{thing}"), (Kind.HISTOGRAM, "_seconds", "s"))


def services(number: int, metrics: int) -> list[Service]:
    """Each declares as many counters, gauges and histograms, under names of its own."""
    found = []
    for service in range(number):
        rows = []
        for index in range(metrics):
            kind, suffix, unit = KINDS[index % len(KINDS)]
            name = f"service_{service}_metric_{index}{suffix}"
            rows.append(Metric(name, kind, unit, "A thing.", Role.RATE, ServiceKind.EVERY, Better.LOWER, ("region",)))
        found.append(Service(f"service-{service}", metrics=tuple(rows)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--metrics", type=int, default=20)
    asked = parser.parse_args()
    fleet = services(asked.services, asked.metrics)
    vocabulary = standard().with_metrics(metric for service in fleet for metric in service.metrics)
    begin, cpu = time.perf_counter(), time.process_time()
    tree = generate(resolve(SETTINGS, environ={}), fleet)
    with tempfile.TemporaryDirectory() as folder:
        write(tree, Path(folder))
    generated = time.perf_counter()
    boards = [text for path, text in tree.items() if path.endswith(".json")]
    findings = check_boards(map(json.loads, boards), vocabulary)
    checked = time.perf_counter()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    result = {
        "services": asked.services,
        "own_metrics": asked.services * asked.metrics,
        "boards": len(boards),
        "findings": len(findings),
        "generate_s": round(generated - begin, 2),
        "check_s": round(checked - generated, 2),
        "total_s": round(checked - begin, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "most_s": MOST_S,
        "memory_mb": round(memory_mb),
        "most_memory_mb": MOST_MB,
    }
    for finding in findings[:3]:
        print(finding, file=sys.stderr)
    print(json.dumps(result))
    return 0 if not findings and result["total_s"] <= MOST_S and memory_mb <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
