"""What a service takes on board: the time to import and to instrument, distributions and bytes of a bare install.

    python import_cost.py

Installs the checkout alone (no extras) into a fresh virtual environment and measures there; interleaved cold starts
beside what people install today, medians above a bare interpreter. Prints one JSON object.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 11
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


def medians(statements: dict[str, tuple[str, str]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in statements}
    for round_number in range(ROUNDS + 1):
        for name in random.sample(list(statements), len(statements)):
            took = seconds(*statements[name])
            if round_number:  # the first reads everything from disk
                taken[name].append(took)
    return {name: round(statistics.median(times) * 1000, 1) for name, times in taken.items()}


def installed(python: str) -> tuple[list[str], float]:
    """Names of the distributions besides pip and setuptools, and megabytes of their files without byte code."""
    script = (
        "import json; from importlib.metadata import distributions;"
        "ds = [d for d in distributions() if d.name not in ('pip', 'setuptools')];"
        "files = [f for d in ds for f in d.files or () if f.suffix != '.pyc'];"
        "print(json.dumps([sorted(d.name for d in ds),"
        " sum(f.locate().stat().st_size for f in files if f.locate().is_file())]))"
    )
    names, size = json.loads(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout)
    return names, round(size / 1e6, 2)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        constraints = str(ROOT / "constraints.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, str(ROOT)], check=True)
        names, megabytes = installed(python)
        statements = {name: (python, statement) for name, statement in OURS.items()}
        statements |= {name: (sys.executable, statement) for name, statement in THEIRS.items()}
        times = medians(statements)
    print(
        json.dumps(
            {
                "bench": "import",
                "milliseconds": times,
                "distributions": names,
                "megabytes": megabytes,
                "promised": {"import_ms": 150, "distributions_besides_ours": 5, "megabytes": 3},
            }
        )
    )


if __name__ == "__main__":
    main()
