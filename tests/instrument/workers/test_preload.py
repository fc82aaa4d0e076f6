"""A master that loads the application before it forks: it must be as if it had not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.instrument.collector_sink import CollectorSink
from tests.instrument.workers.conftest import REQUESTS, Load, Server, eventually, total

_CONFIG = """
import json, pathlib, threading

def when_ready(server):
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("spanwise")]
    pathlib.Path({report!r}).write_text(json.dumps(names))
"""


def _preloaded(serve: Callable[..., Server], tmp_path: Path, **environ: str) -> Server:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(_CONFIG.format(report=str(tmp_path / "threads")))
    server = serve(
        *("gunicorn", "-c", str(config), "-w", "2", "--preload", "-b", "127.0.0.1:{port}", "shop_wsgi:app"), **environ
    )
    server.wait_for_workers(2)
    eventually(server.is_answered)
    return server


def test_the_master_has_no_thread_and_no_port(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = _preloaded(serve, tmp_path)
    assert json.loads((tmp_path / "threads").read_text()) == []
    assert server.process.pid not in server.members()
    listening = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].partition(":")[2], 16) == server.admin_port
    }
    held = {path.readlink().name for path in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    assert listening and not any(f"socket:[{inode}]" in held for inode in listening)


def test_one_registration_for_all_workers_and_each_sends_its_spans(
    serve: Callable[..., Server], tmp_path: Path, sink: CollectorSink
) -> None:
    server = _preloaded(serve, tmp_path, SPANWISE_COLLECTOR_URL=sink.url, OTEL_TRACES_SAMPLER_ARG="1")
    load = Load(server, threads=2)
    eventually(lambda: load.answered >= 40 and len({pid for pid, _ in load.answers}) == 2, 20.0)
    load.stop()
    assert total(server.samples(), REQUESTS) == load.answered
    eventually(lambda: len(sink.spans()) == load.answered)
    registered = [request for request in sink.requests if "/instances/" in request.path]
    assert {(request.method, request.path) for request in registered} == {("PUT", registered[0].path)}
    body = json.loads(registered[-1].body)
    assert body["metrics"].endswith(f":{server.admin_port}/metrics")
    instances = {registered[0].path.rpartition("/")[2]}
    pids = set()
    for attributes in sink.resources():
        instances.add(attributes["service.instance.id"])
        pids.add(int(attributes["process.pid"]))
    assert len(instances) == 1
    assert pids == {pid for pid, _ in load.answers}

    server.stop()
    assert [request.method for request in sink.requests if "/instances/" in request.path][-1] == "DELETE"


def test_what_was_counted_while_loading_is_not_counted_by_each_worker(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = _preloaded(serve, tmp_path)
    pauses = total(server.samples(), "python_gc_collections_total")
    one = total({key: value for key, value in server.samples().items() if key[0] == "level"}, "level")
    assert one == 2 * 3  # a gauge keeps what the application has set while it was loaded
    assert pauses < 200  # loading it takes several hundred collections of the young generation
