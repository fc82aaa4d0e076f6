from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from spanwise_samples.demo.progress import LoadFigures, describe, read_load, read_stored_spans
from spanwise_samples.tally import Outcome, Tally


def test_the_newest_whole_line_of_the_load_is_read(tmp_path: Path) -> None:
    tally = Tally()
    log = tmp_path / "load.log"
    assert read_load(log) is None
    lines = []
    for elapsed_s in (1.0, 2.0):
        tally.begun(late=False)
        tally.ended(Outcome.OK, "browse", 0.01)
        lines.append(json.dumps(tally.summary(elapsed_s)))
    log.write_text("starting\n" + "\n".join(lines) + '\n{"elapsed_s": 3.0, "requ')
    assert read_load(log) == LoadFigures(2.0, 2, 0, 0, 10.0)


def test_the_rate_is_that_of_the_last_while() -> None:
    line = describe(61.4, LoadFigures(62.0, 1300, 2, 0, 74.2), LoadFigures(60.0, 1260, 2, 0, 74.0), 12345)
    assert line == "01:01  20.0 requests/s  2 of 1,300 failed  p95 74 ms  12,345 spans stored"


def test_what_was_not_sent_in_time_and_a_silent_collector_are_said() -> None:
    line = describe(1.0, LoadFigures(1.0, 10, 0, 7, None), None, None)
    assert "7 not sent in time" in line
    assert "collector does not answer" in line


def test_without_load_the_spans_are_shown_alone() -> None:
    assert describe(5.0, None, None, 3) == "00:05  3 spans stored"


METRICS = b"""# TYPE spanwise_collector_stored_spans counter
spanwise_collector_stored_spans_total{service_name="spanwise-collector",service_version="0.1.0"} 1234.0
spanwise_collector_stored_spans_totally_different 7.0
"""


def test_stored_spans_are_read_from_the_collectors_metrics() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(METRICS)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert read_stored_spans(f"http://127.0.0.1:{server.server_port}") == 1234
        thread.join()
    assert read_stored_spans(f"http://127.0.0.1:{server.server_port}") is None
