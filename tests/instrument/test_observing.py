"""The request path's way to prometheus-client's own metrics: the same numbers, whenever somebody reads them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from spanwise import metrics, observing, standard
from spanwise.exposition import render
from spanwise.workers.inheritance import start_afresh


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def took(registry: CollectorRegistry) -> Histogram:
    return Histogram("took_seconds", "x", buckets=(1, 2), registry=registry)


def measured(histogram: Histogram) -> list[tuple[str, str, float, dict[str, str] | None]]:
    samples = [sample for family in histogram.collect() for sample in family.samples if "created" not in sample.name]
    return [(s.name, s.labels.get("le", ""), s.value, s.exemplar.labels if s.exemplar else None) for s in samples]


@pytest.mark.parametrize("value", [0.0, 0.005, 0.0050001, 0.3, 9.99, 10.0, 11.0, 1e9, -1.0])
def test_the_request_path_s_observer_does_what_observe_does(value: float) -> None:
    row = standard.HTTP_SERVER_REQUEST_DURATION
    theirs, ours = (metrics.from_standard(Histogram, row, CollectorRegistry()).labels("GET", "/", "200") for _ in "ab")
    for labels in (None, {"trace_id": "ab", "span_id": "cd"}, None):
        theirs.observe(value, labels)
        observing.observer_of(ours).observe(value, labels)
    assert measured(ours) == measured(theirs)


def test_the_request_path_s_counters_are_exact_among_threads(registry: CollectorRegistry) -> None:
    counter = Counter("orders_placed", "x", registry=registry)
    histogram = metrics.histogram("h", unit="s", description="x", buckets=(1,), registry=registry)
    increment, observe = observing.incrementer(counter), observing.observer_of(histogram).observe

    def both() -> None:
        for _ in range(1000):
            increment()
            observe(0.5)

    threads = [threading.Thread(target=both) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.get_sample_value("orders_placed_total") == 4000
    assert registry.get_sample_value("h_seconds_count") == 4000
    assert registry.get_sample_value("h_seconds_sum") == 2000


def test_values_that_prometheus_client_keeps_in_files_are_its_own_business(tmp_path: Path) -> None:
    script = (
        "from prometheus_client import Counter, Histogram; from spanwise import observing;"
        "h = Histogram('h', 'x'); c = Counter('c', 'x'); observer = observing.observer_of(h);"
        "observer.observe(2); observer.observe(3, {'trace_id': 'ab'});"
        "assert h._sum.get() == 5 and observing.incrementer(c) == c.inc"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_a_forked_child_does_not_wait_for_a_lock_of_its_parent(registry: CollectorRegistry) -> None:
    """Which another thread of the parent held at the fork, and which nobody lets go of in the child."""
    made, counts = Histogram("took_seconds", "x", registry=registry), Counter("done", "x", registry=registry)
    observe, increment = observing.observer_of(made).observe, observing.incrementer(counts)
    made._sum._lock.acquire()
    counts._value._lock.acquire()
    start_afresh(registry, lambda family: standard.Workers.SUM, parent_counts=True)
    with ThreadPoolExecutor(1) as other:
        other.submit(lambda: (observe(0.1), increment())).result(10)
    assert registry.get_sample_value("took_seconds_count") == 1


def test_values_wait_until_there_are_many(took: Histogram) -> None:
    observer = observing.observer_of(took)
    for _ in range(observer.most - 1):
        observer.observe(1.5)
    assert took._sum.get() == 0.0
    observer.observe(0.5)
    assert (took._sum.get(), observer.values) == (95.0, [])
    assert [bucket.get() for bucket in took._buckets] == [1.0, 63.0, 0.0]


def test_whoever_reads_sees_all_of_them(registry: CollectorRegistry, took: Histogram) -> None:
    observer = observing.observer_of(took)
    for value in (0.5, 1.5, 9.0):
        observer.observe(value)
    text = b"".join(render(registry)).decode()
    assert 'took_seconds_bucket{le="1.0"} 1.0' in text
    assert "took_seconds_count 3.0" in text
    assert "took_seconds_sum 11.0" in text
    observer.observe(1.0)
    assert registry.get_sample_value("took_seconds_bucket", {"le": "1.0"}) == 2


def test_two_that_ask_for_the_same_get_the_same(took: Histogram) -> None:
    assert observing.observer_of(took) is observing.observer_of(took)


def test_what_a_parent_counts_a_forked_child_does_not(registry: CollectorRegistry, took: Histogram) -> None:
    observer = observing.observer_of(took)
    observer.observe(1.0)
    start_afresh(registry, lambda family: standard.Workers.SUM, parent_counts=True)
    observer.observe(2.0)
    assert registry.get_sample_value("took_seconds_sum") == 2


def test_a_request_waits_for_nobody_who_counts(registry: CollectorRegistry, took: Histogram) -> None:
    """Not for a scrape, and not for itself, when a finalizer makes a request in the midst of it."""
    observer = observing.observer_of(took)
    with took._sum._lock:
        for _ in range(3 * observer.most):
            observer.observe(1.0)
    assert registry.get_sample_value("took_seconds_count") == 3 * observer.most


def test_nothing_is_lost_or_counted_twice_while_others_read(registry: CollectorRegistry, took: Histogram) -> None:
    observer = observing.observer_of(took)
    counts: list[float] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            counts.append(registry.get_sample_value("took_seconds_count") or 0.0)

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(lambda: [observer.observe(0.25) for _ in range(5000)]) for _ in range(4)]
        for writer in writers:
            writer.result(30)
        done.set()
        for reader in readers:
            reader.result(30)
    assert registry.get_sample_value("took_seconds_count") == 20_000
    assert registry.get_sample_value("took_seconds_sum") == 5000
    assert len(counts) > 2


def test_a_sampled_value_waits_for_nobody_either(registry: CollectorRegistry, took: Histogram) -> None:
    observer = observing.observer_of(took)
    with took._sum._lock:
        observer.observe(1.0, {"trace_id": "ab"})
    assert registry.get_sample_value("took_seconds_count") == 1


def test_of_two_that_come_first_at_once_both_get_the_same(took: Histogram, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(observing.Observer):
        def __init__(self, histogram: Histogram) -> None:
            super().__init__(histogram)
            monkeypatch.undo()
            self.overtaking = observing.observer_of(histogram)

    monkeypatch.setattr(observing, "Observer", Late)
    assert observing.observer_of(took) is vars(took)[observing._MARK]
    assert type(vars(took)[observing._MARK]) is observing.Observer
