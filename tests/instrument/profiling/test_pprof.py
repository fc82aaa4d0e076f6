from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise.profiling.pprof import encode
from spanwise.profiling.profile import CPU, SAMPLES, WALL, Profile, ValueType
from spanwise.profiling.sampler import sample
from spanwise.profiling.stacks import Frame
from tests.instrument.profiling.profile_proto import decode, stacks

A, B, C = Frame("a", "x.py", 3), Frame("b", "x.py", 7), Frame("Käse.c", "käse.py", 2**31)
PROFILE = Profile(
    "profile",
    (SAMPLES, WALL, CPU),
    "cpu",
    {((A, B), (("thread", "main"),)): (3, 30_000_000, 10), ((C, A, B), ()): (1, 2**62, -5)},
    started_at_ns=1_763_000_000_000_000_000,
    duration_ns=5_000_000_000,
    period_ns=10_000_000,
    comments=("12 samples, 0 missed",),
)


def test_the_official_schema_reads_all_of_it() -> None:
    message = decode(encode(PROFILE))
    texts = message.string_table
    assert texts[0] == ""
    assert [(texts[t.type], texts[t.unit]) for t in message.sample_type] == [
        ("samples", "count"),
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
    ]
    assert stacks(message) == {(A, B): [3, 30_000_000, 10], (C, A, B): [1, 2**62, -5]}
    assert [(texts[label.key], texts[label.str]) for label in message.sample[0].label] == [("thread", "main")]
    assert message.time_nanos == PROFILE.started_at_ns
    assert message.duration_nanos == PROFILE.duration_ns
    assert message.period == 10_000_000
    assert texts[message.period_type.type] == "cpu"
    assert [texts[comment] for comment in message.comment] == ["12 samples, 0 missed"]
    assert texts[message.default_sample_type] == "cpu"
    assert {location.mapping_id for location in message.location} == {message.mapping[0].id}
    assert message.mapping[0].has_functions
    assert len(UnknownFieldSet(message)) == 0


def test_equal_profiles_are_equal_bytes() -> None:
    assert encode(PROFILE) == encode(PROFILE)


frames = st.builds(Frame, st.text(max_size=12), st.text(max_size=12), st.integers(0, 2**40))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.lists(frames, min_size=1, max_size=6).map(tuple),
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1)),
        max_size=8,
    )
)
def test_any_stacks_come_back(samples: dict[tuple[Frame, ...], tuple[int, int]]) -> None:
    profile = Profile("p", (SAMPLES, WALL), "wall", {(stack, ()): values for stack, values in samples.items()})
    # One location a frame: what comes back has as many of each as went in, in the same places.
    found = stacks(decode(encode(profile)))
    wanted = {tuple(tuple(frame) for frame in stack): list(values) for stack, values in samples.items()}
    assert found == wanted


def hot(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(200))


def test_a_real_capture(start: Callable[..., Any]) -> None:
    start(hot)
    message = decode(encode(sample(0.5, 100)))
    seconds = (
        sum(values[2] for stack, values in stacks(message).items() if any(call[0] == "hot" for call in stack)) / 1e9
    )
    assert 0 < seconds < 1.0
    assert abs(message.time_nanos / 1e9 - time.time()) < 60


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_gos_own_tool_reads_it(start: Callable[..., Any], tmp_path: Path) -> None:
    start(hot)
    file = tmp_path / "profile.pb.gz"
    file.write_bytes(encode(sample(0.5, 100)))
    shown = subprocess.run(
        ["go", "tool", "pprof", "-top", str(file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "Type: cpu" in shown.stdout
    assert any(line.split()[-1] == "hot" for line in shown.stdout.splitlines() if line), shown.stdout


def test_a_heap_profile_has_no_period() -> None:
    bytes_used = ValueType("inuse_space", "bytes")
    message = decode(encode(Profile("heap", (bytes_used,), "inuse_space", {((A,), ()): (4096,)})))
    assert message.period == 0
    assert not message.HasField("period_type")
