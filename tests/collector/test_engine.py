"""What the embedded engine brings into the process, and what it must not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import json, sys, threading, time
from pathlib import Path
from spanwise.settings import resolve
from spanwise_collector.main import Collector
from spanwise_collector.settings import SETTINGS
from tests.collector.otlp_requests import payload, span, new_trace_id
from tests.collector.running_collector import fetch, wait_for

ports = {f"SPANWISE_COLLECTOR_{port}PORT": "0" for port in ("", "OTLP_", "GRPC_", "ADMIN_")}
collector = Collector(resolve(SETTINGS, {"SPANWISE_COLLECTOR_DATA": sys.argv[1], **ports}, environ={}))
collector.start(threading.Event())
trace_id = new_trace_id()
body = payload(span(trace_id=trace_id))
sent = fetch(collector._otlp_url + "/v1/traces", "POST", body, content_type="application/x-protobuf")
wait_for(lambda: fetch(f"{collector._url}/api/spanwise/traces/{trace_id}").status == 200)
found = [fetch(f"{collector._url}/api/spanwise/{path}").status for path in ("traces", "services", "operations")]
resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
collector.stop()
heavy = [name for name in ("numpy", "pandas", "pyarrow", "polars") if name in sys.modules]
print(json.dumps({"sent": sent.status, "found": found, "heavy": heavy, "resident_kb": int(resident.split()[1])}))
"""


def test_a_full_turn_never_imports_the_heavy_three(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=root,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["sent"] == 200
    assert facts["found"] == [200, 200, 200]
    assert facts["heavy"] == []
    assert facts["resident_kb"] < 900_000
