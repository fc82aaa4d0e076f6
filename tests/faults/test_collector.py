"""Nothing acknowledged is lost, nothing is stored twice, and the collector comes back by itself, whatever breaks."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwise_collector.spool._segment import Record, scan, segment_ids
from tests.collector.otlp_requests import new_span_id, new_trace_id, payload, span
from tests.collector.running_collector import RunningCollector, fetch, wait_for
from tests.faults.collector_under_load import SERVICE, Load, spawn_until_address
from tests.faults.conftest import CollectorFactory
from tests.faults.ledger import assert_exactly_once

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

KILLS = 20
_SHIM = Path(__file__).parent / "full_disk"
_CLOCK = Path(__file__).parent / "turned_clock"
_DEAD = Path(__file__).parent / "dead_engine"


def with_shim(shim: Path) -> str:
    """The PYTHONPATH that loads it first."""
    return os.pathsep.join(filter(None, (str(shim), os.environ.get("PYTHONPATH"))))


def drain(running: RunningCollector) -> None:
    wait_for(lambda: running.waiting_bytes() == 0, 120, "an empty spool")


def test_kill_9_under_load_again_and_again_some_during_replay(new_collector: CollectorFactory, load: Load) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    running = new_collector()
    for number in range(KILLS):
        spawn_until_address(running)
        load.aim(running.otlp_url)
        # Every third dies while it opens the store and replays, the others at any time after that.
        time.sleep(rng.uniform(0.0, 1.0) if number % 3 == 0 else rng.uniform(1.0, 4.0))
        running.kill()
    running.start()
    load.stop()
    drain(running)
    assert "Traceback" not in running.log
    assert running.stop() == 0
    assert len(load) > 1000, load.statuses
    assert_exactly_once(running.data, load)


@dataclass(frozen=True)
class Disk:
    """Where a collector's data goes, and how to fill the disk and to make room again."""

    folder: Path
    fill: Callable[[], object]
    make_room: Callable[[], object]
    environ: dict[str, str]


@contextlib.contextmanager
def mounted_disk(folder: Path) -> Iterator[Disk]:
    """A tmpfs of its own, which root may mount."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300M", "tmpfs", str(folder)], check=True)
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(2**16))

    try:
        yield Disk(folder, fill, ballast.unlink, {})
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def pretended_disk(folder: Path) -> Iterator[Disk]:
    """A shim in the collector lets every write to a file of its own fail while a marker exists; for any user."""
    folder.mkdir()
    marker = folder / "full"
    yield Disk(folder, marker.touch, marker.unlink, {"PYTHONPATH": with_shim(_SHIM), "FULL_DISK_WHILE": str(marker)})


DISKS = [pretended_disk, *([mounted_disk] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize("make_disk", DISKS)
def test_a_full_disk_is_503_and_then_goes_on(
    new_collector: CollectorFactory,
    load: Load,
    tmp_path: Path,
    make_disk: Callable[[Path], contextlib.AbstractContextManager[Disk]],
) -> None:
    with make_disk(tmp_path / "disk") as disk:
        running = new_collector(data=disk.folder / "data", **disk.environ)
        running.log_path = tmp_path / "collector.log"
        running.start()
        load.aim(running.otlp_url)
        wait_for(lambda: len(load) > 500, 30, "acknowledgements")
        disk.fill()
        wait_for(lambda: load.statuses.get(503, 0) >= 5, 60, "refusals")
        assert running.process is not None
        assert running.process.poll() is None, "it goes on, on a full disk"
        disk.make_room()
        before = len(load)
        wait_for(lambda: len(load) > before + 200, 60, "acknowledgements after room was made")
        load.stop()
        drain(running)
        assert running.stop() == 0
        assert "No space left" in running.log
        assert_exactly_once(running.data, load)


def test_a_store_folder_that_goes_away_and_comes_back(new_collector: CollectorFactory, load: Load) -> None:
    running = new_collector().start()
    load.aim(running.otlp_url)
    wait_for(lambda: len(load) > 200, 30, "acknowledgements")
    store = running.data / "store"
    store.rename(running.data / "elsewhere")
    store.touch()  # a file in its place: nothing can be written there, not even by root
    before = len(load)
    ready = wait_for(lambda: _not_ready(running), 60, "readiness to say why not")
    assert "store" in ready
    assert len(load) > before, "spans are still acknowledged: the spool takes them"
    store.unlink()
    (running.data / "elsewhere").rename(store)
    wait_for(lambda: _is_ready(running), 60, "readiness")
    load.stop()
    drain(running)
    assert running.stop() == 0
    # The engine may have died of it: then the collector has started again.
    assert "the store takes spans again" in running.log or "the collector starts again" in running.log
    assert_exactly_once(running.data, load)


def test_a_dead_engine_makes_the_collector_start_again_on_the_same_ports(
    new_collector: CollectorFactory, load: Load, tmp_path: Path
) -> None:
    marker = tmp_path / "dead"
    running = new_collector(PYTHONPATH=with_shim(_DEAD), DEAD_ENGINE_FROM=str(marker)).start()
    load.aim(running.otlp_url)
    wait_for(lambda: len(load) > 200, 30, "acknowledgements")
    marker.touch()
    wait_for(lambda: not marker.exists(), 60, "a new process")
    before = len(load)
    wait_for(lambda: len(load) > before + 200, 60, "acknowledgements by the new process")
    wait_for(lambda: _is_ready(running), 60, "readiness")
    load.stop()
    drain(running)
    assert running.stop() == 0
    assert running.log.count("ready in ") == 2
    assert "the collector starts again" in running.log
    assert_exactly_once(running.data, load)


def _not_ready(running: RunningCollector) -> str:
    answer = fetch(f"{running.url}/readyz")
    return answer.body.decode() if answer.status == 503 else ""


def _is_ready(running: RunningCollector) -> bool:
    """Also while it starts again, and nobody answers."""
    with contextlib.suppress(OSError):
        return fetch(f"{running.url}/readyz").status == 200
    return False


def span_ids(payload: bytes | bytearray) -> set[str]:
    """The spans of a request, in hexadecimal."""
    message = ExportTraceServiceRequest.FromString(bytes(payload))
    return {
        span.span_id.hex()
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }


def test_flipped_bytes_cost_the_requests_they_are_in_and_no_other(new_collector: CollectorFactory) -> None:
    away = new_collector("--store", "clickhouse://127.0.0.1:9/nobody")
    spawn_until_address(away)
    load = Load()
    for _ in range(60):
        trace_id, ids = new_trace_id(), [new_span_id() for _ in range(3)]
        body = payload(*(span(trace_id=trace_id, span_id=i) for i in ids), service=SERVICE)
        assert away.send(body).status == 200
        load.acknowledged.extend((trace_id, i) for i in ids)
    away.kill()
    acknowledged = {span_id for _, span_id in load.acknowledged}
    rng = random.Random(7)
    lost: set[str] = set()
    folder = away.data / "spool"
    for segment_id in segment_ids(folder):
        (path,) = folder.glob(f"*{segment_id}.segment")
        data = bytearray(path.read_bytes())
        records = [piece for piece in scan(segment_id, bytes(data)) if isinstance(piece, Record)]
        held = {record.start: acknowledged & span_ids(data[record.payload_start : record.end]) for record in records}
        records = [record for record in records if held[record.start]]  # the collector's own spans are among them
        for record in rng.sample(records[:-1], 6):  # a damaged last record is a torn tail, and tested elsewhere
            data[rng.randrange(record.start, record.end)] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        whole = {piece.start for piece in scan(segment_id, bytes(data)) if isinstance(piece, Record)}
        lost |= set().union(*(held[record.start] for record in records if record.start not in whole))
    assert len(lost) == 18
    again = new_collector(data=away.data).start()
    drain(again)
    assert again.stop() == 0
    assert "damaged" in again.log
    ledger = assert_exactly_once(again.data, load, lost)
    assert not set(ledger.spans) & lost
    assert len(ledger.spans) == len(load) - len(lost)


def test_spans_of_a_clock_that_went_back_are_kept_once(new_collector: CollectorFactory, load: Load) -> None:
    running = new_collector().start()
    load.aim(running.otlp_url)
    wait_for(lambda: len(load) > 200, 30, "acknowledgements")
    hour_ago = time.time_ns() - 3600 * 10**9
    trace_id, ids = new_trace_id(), [new_span_id() for _ in range(5)]
    late = payload(*(span(trace_id=trace_id, span_id=i, start_ns=hour_ago) for i in ids), service=SERVICE)
    assert running.send(late).status == 200
    load.stop()
    load.acknowledged.extend((trace_id, i) for i in ids)
    running.kill()
    running.start()
    drain(running)
    assert running.stop() == 0
    assert_exactly_once(running.data, load)


def test_the_collectors_own_clock_goes_back_an_hour(
    new_collector: CollectorFactory, load: Load, tmp_path: Path
) -> None:
    marker = tmp_path / "turned back"
    running = new_collector(PYTHONPATH=with_shim(_CLOCK), TURNED_BACK_WHILE=str(marker), TURNED_BACK_S="3600").start()

    def goes_on() -> None:
        load.aim(running.otlp_url)
        before = len(load)
        wait_for(lambda: len(load) > before + 200, 60, "acknowledgements")

    goes_on()
    marker.touch()
    goes_on()
    running.kill()
    running.start()  # an hour before it was stopped
    goes_on()
    marker.unlink()
    goes_on()
    load.stop()
    drain(running)
    assert running.stop() == 0
    assert "Traceback" not in running.log
    assert_exactly_once(running.data, load)
