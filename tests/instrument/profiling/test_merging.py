from __future__ import annotations

import json

import pytest

from spanwise.profiling.merging import as_data, from_data, merged
from spanwise.profiling.profile import CPU, SAMPLES, Profile
from spanwise.profiling.stacks import Frame

LEAF, ROOT = Frame("pay", "/app/views.py", 41), Frame("main", "/app/run.py", 3)


def profile(values: tuple[int, ...], types=(SAMPLES, CPU)) -> Profile:
    samples = {((LEAF, ROOT), (("thread", "a"),)): values, ((ROOT,), ()): values}
    return Profile("profile", types, types[0].type, samples, 100, 50, 10, ("7 samples",))


def test_it_comes_back_as_it_was():
    one = profile((3, 30))
    assert from_data(json.loads(json.dumps(as_data(one)))) == one


def test_workers_are_told_apart_by_a_label_and_added_up_by_stack():
    both = merged({"11": profile((3, 30)), "12": profile((4, 40))})
    assert both.by_stack(0) == {(LEAF, ROOT): 7, (ROOT,): 7}
    assert {labels[-1] for _, labels in both.samples} == {("worker", "11"), ("worker", "12")}
    assert both.comments == ("worker 11: 7 samples", "worker 12: 7 samples")
    assert (both.started_at_ns, both.duration_ns, both.period_ns) == (100, 50, 10)


def test_a_profile_of_other_values_is_left_out_and_none_is_an_error():
    assert len(merged({"11": profile((3, 30)), "12": profile((4,), (SAMPLES,))}).samples) == 2
    with pytest.raises(ValueError, match="no profile"):
        merged({})
