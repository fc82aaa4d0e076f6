from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from spanwise.pace import Pace
from spanwise.workers.gauges import merge_of
from spanwise.workers.snapshot import Snapshot, SnapshotError, decode, encode, take


def _snapshot(registry: CollectorRegistry) -> Snapshot:
    return take(registry.collect(), merge_of(tuple, registry), "7-8", Pace(lambda: True))


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(target_info={"service_instance_id": "x"})
    Counter("jobs", 'Jobs with "quotes" and\nlines.', ["kind"], registry=registry).labels("ä\x00\n").inc(2)
    Gauge("level", "A level.", registry=registry).set(math.inf)
    Info("build", "The build.", registry=registry).info({"revision": "abc"})
    histogram = Histogram("took_seconds", "Time.", ["kind"], buckets=(1.0,), registry=registry)
    histogram.labels("a").observe(0.5, {"trace_id": "t"})
    return registry


def test_what_is_written_is_read() -> None:
    snapshot = _snapshot(_registry())
    read = decode(encode(snapshot))
    assert read == decode(encode(read))
    assert (read.of, read.at) == ("7-8", snapshot.at)
    assert [(f.name, f.type, f.help, f.merge) for f in read.families] == [
        (f.name, f.type, f.help, f.merge) for f in snapshot.families
    ]
    rows = {table.sample: table.rows for family in read.families for table in family.tables}
    assert rows["jobs_total"] == [["ä\x00\n", 2.0]]
    assert rows["level"] == [[math.inf]]
    assert rows["took_seconds_bucket"] == [["a", "1.0", 1.0], ["a", "+Inf", 1.0]]
    exemplars = {t.sample: t.exemplars for f in read.families for t in f.tables if t.exemplars}
    assert [(row, labels, value) for row, labels, value, _ in exemplars["took_seconds_bucket"]] == [
        (0, {"trace_id": "t"}, 0.5)
    ]


def test_the_identity_is_left_to_the_owner() -> None:
    assert "target" not in [family.name for family in _snapshot(_registry()).families]


def test_names_are_written_once() -> None:
    registry = CollectorRegistry()
    counter = Counter("some_quite_long_name_of_a_metric", "x", ["label"], registry=registry)
    for number in range(1000):
        counter.labels(str(number)).inc()
    assert encode(_snapshot(registry)).count(b"some_quite_long_name_of_a_metric") <= 4


@given(st.binary(max_size=200))
def test_garbage_is_no_snapshot(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_other_json_is_no_snapshot(families: Any) -> None:
    document = {"v": 1, "of": "1-1", "at": 1.0, "folded": [], "families": families}
    with suppress(SnapshotError):
        assert decode(json.dumps(document).encode()).families == []


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"families": [["n", "counter", "h", "", "sum", [["n_total", ["a"], [["x"]], []]]]]},
        {"families": [["n", "counter", "h", "", "sum", [["n_total", [], [[1.0]], [[5, {}, 1.0, None]]]]]]},
        {"families": [["n", "counter", "h", "", "somehow", []]]},
    ],
    ids=["version", "short row", "exemplar of no row", "unknown merge"],
)
def test_what_is_not_of_this_version_is_refused(change: dict[str, Any]) -> None:
    document = {"v": 1, "of": "1-1", "at": 1.0, "folded": [], "families": [], **change}
    with pytest.raises(SnapshotError):
        decode(json.dumps(document).encode())
