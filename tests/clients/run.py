"""Builds the official clients of this folder (Go), runs them against a collector, and ends with their exit code.

Not in `make test`: it needs Go, and its first run downloads the clients. `make test-clients`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.collector.running_collector import RunningCollector

FOLDER = Path(__file__).parent
_BUILD_S, _RUN_S = 600, 180


def main() -> int:
    go = shutil.which("go")
    if go is None:
        print("test-clients: Go is missing: install it (1.26 or newer, https://go.dev/doc/install)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="spanwise-clients-") as folder:
        program = Path(folder, "clients")
        built = subprocess.run([go, "build", "-o", str(program), "."], cwd=FOLDER, timeout=_BUILD_S, check=False)
        if built.returncode:
            return built.returncode
        collector = RunningCollector(Path(folder, "data")).start()
        try:
            return subprocess.run([str(program), collector.url], timeout=_RUN_S, check=False).returncode
        finally:
            collector.stop()


if __name__ == "__main__":
    raise SystemExit(main())
