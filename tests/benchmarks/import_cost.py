"""What a service takes on board: the time to import and to instrument, distributions and bytes of a bare install.

    python import_cost.py [--rounds 11] [--quick]

Installs the checkout alone (no extras) into a fresh virtual environment and measures there; interleaved cold starts
beside what people install today, medians above a bare interpreter. The distribution `spanwise` holds the collector's,
the dashboards' and the samples' code too, whose dependencies are extras. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {
    "import spanwise": "import spanwise",
    "spanwise.instrument": "import spanwise; spanwise.instrument(service='bench', admin_port=0)",
    "prometheus_client + opentelemetry.sdk.trace": "import prometheus_client, opentelemetry.sdk.trace",
}
THEIRS = {
    "usual (sdk, otlp exporter, flask and requests instrumentation, prometheus-flask-exporter)": (
        "import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter,"
        " opentelemetry.instrumentation.flask, opentelemetry.instrumentation.requests, prometheus_flask_exporter"
    ),
}
TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def seconds(python: str, statement: str) -> float:
    done = subprocess.run([python, "-c", TIMED.format(statement)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def medians(statements: dict[str, tuple[str, str]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in statements}
    for round_number in range(rounds + 1):
        for name in random.sample(list(statements), len(statements)):
            took = seconds(*statements[name])
            if round_number:  # the first reads everything from disk
                taken[name].append(took)
    return {name: round(statistics.median(times) * 1000, 1) for name, times in taken.items()}


def installed(python: str) -> dict[str, float]:
    """Megabytes of each distribution besides pip and setuptools, without byte code."""
    script = (
        "import json; from importlib.metadata import distributions;"
        "ds = [d for d in distributions() if d.name not in ('pip', 'setuptools')];"
        "size = lambda f: f.locate().stat().st_size if f.suffix != '.pyc' and f.locate().is_file() else 0;"
        "print(json.dumps({d.name: sum(map(size, d.files or ())) for d in ds}))"
    )
    sizes = json.loads(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout)
    return {name: size / 1e6 for name, size in sorted(sizes.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="three rounds, for a first impression")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        constraints = str(ROOT / "constraints.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, str(ROOT)], check=True)
        megabytes = installed(python)
        statements = {name: (python, statement) for name, statement in OURS.items()}
        statements |= {name: (sys.executable, statement) for name, statement in THEIRS.items()}
        times = medians(statements, 3 if options.quick else options.rounds)
    print(
        json.dumps(
            {
                "bench": "import",
                "milliseconds": times,
                "distributions": list(megabytes),
                "megabytes": round(sum(megabytes.values()), 2),
                "megabytes_besides_ours": round(sum(megabytes.values()) - megabytes["spanwise"], 2),
                "promised": {"import_ms": 150, "distributions_besides_ours": 5, "megabytes": 3},
            }
        )
    )


if __name__ == "__main__":
    main()
