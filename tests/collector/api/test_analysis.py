"""Critical path and clock skew: what must hold of any trace, and the answers for traces one can do by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise_collector.query._analysis import Analysis
from spanwise_collector.query._clock_skew import LATE_END_NS, correct
from spanwise_collector.query._critical_path import critical_path
from spanwise_collector.query._span_tree import Node, join, top_down

KINDS = ("internal", "server", "client", "producer", "consumer")


def node(index: int, start: int, end: int, parent: int | None = None, process: str = "a", **given: Any) -> Node:
    """A span whose id is its index."""
    values = {"span_id": str(index), "parent_id": "" if parent is None else str(parent), "kind": "internal"} | given
    return Node(index=index, process=process, start_ns=start, end_ns=end, **values)


@st.composite
def any_trace(draw: st.DrawFn, processes: str = "abc") -> list[Node]:
    """Anything: parents that are missing, circles, spans with one id, children that outlive their parents."""
    count = draw(st.integers(1, 12))
    made = []
    for index in range(count):
        start = draw(st.integers(0, 60))
        parent = draw(st.one_of(st.none(), st.integers(0, count)))
        made.append(
            node(
                index,
                start,
                start + draw(st.integers(0, 40)),
                parent,
                draw(st.sampled_from(processes)),
                kind=draw(st.sampled_from(KINDS)),
                span_id=str(draw(st.sampled_from([index, index, index, 0]))),
                shared=draw(st.integers(0, 9)) == 0,
            )
        )
    return made


@given(any_trace())
def test_a_tree_has_every_span_once(nodes: list[Node]) -> None:
    tops = join(nodes)
    assert sorted(one.index for one in top_down(tops)) == list(range(len(nodes)))
    assert all(child.parent is one for one in nodes for child in one.children)
    assert all(one.parent is None for one in tops)


@settings(max_examples=300)
@given(any_trace())
def test_segments_add_up_to_the_root_and_never_overlap(nodes: list[Node]) -> None:
    tops = join(nodes)
    correct(tops)
    for top in tops:
        segments = critical_path(top)
        assert sum(one.end_ns - one.start_ns for one in segments) == top.duration_ns
        at = top.start_ns
        for segment in segments:
            owner = nodes[segment.index]
            assert segment.start_ns == at < segment.end_ns
            assert owner.start_ns <= segment.start_ns
            assert segment.end_ns <= owner.end_ns
            at = segment.end_ns
        assert at == top.end_ns


def slow_path(top: Node) -> dict[int, int]:
    """`{moment: index}`, one moment at a time, by the definition."""
    found: dict[int, int] = {}

    def walk(one: Node, start: int, end: int) -> None:
        moment = end
        while moment > start:
            ending = [
                child
                for child in one.children
                if not child.asynchronous and min(child.end_ns, end) == moment and max(child.start_ns, start) < moment
            ]
            if ending:
                longest = min(
                    ending, key=lambda child: (child.start_ns, [c.index for c in one.children].index(child.index))
                )
                first = max(longest.start_ns, start)
                walk(longest, first, moment)
                moment = first
            else:
                moment -= 1
                found[moment] = one.index

    walk(top, top.start_ns, top.end_ns)
    return found


@settings(max_examples=300)
@given(any_trace())
def test_it_is_the_path_of_the_definition(nodes: list[Node]) -> None:
    for top in join(nodes):
        path = {
            moment: segment.index
            for segment in critical_path(top)
            for moment in range(segment.start_ns, segment.end_ns)
        }
        assert path == slow_path(top)


@settings(max_examples=300)
@given(any_trace())
def test_after_correction_what_was_called_lies_within_its_caller(nodes: list[Node]) -> None:
    tops = join(nodes)
    durations = [one.duration_ns for one in nodes]
    correct(tops)
    assert [one.duration_ns for one in nodes] == durations
    for one in nodes:
        caller = one.parent
        if caller is None or caller.process == one.process:
            continue
        assert caller.start_ns <= one.start_ns
        if not one.asynchronous:
            assert one.start_ns <= caller.end_ns
            if one.duration_ns <= caller.duration_ns:
                assert one.end_ns <= caller.end_ns + LATE_END_NS
    assert correct(tops) == [], "what has been corrected stays"


@given(any_trace())
def test_within_a_process_nothing_moves_against_itself(nodes: list[Node]) -> None:
    tops = join(nodes)
    before = {one.index: one.start_ns for one in nodes}
    shifts = {shift.index: shift.shift_ns for shift in correct(tops)}
    for one in nodes:
        assert one.start_ns - before[one.index] == shifts.get(one.index, 0)
        if one.parent is None:
            assert one.index not in shifts
        elif one.parent.process == one.process:
            assert shifts.get(one.index, 0) == shifts.get(one.parent.index, 0)


@st.composite
def true_trace(draw: st.DrawFn) -> list[Node]:
    """Every child within its parent, as by one clock."""
    made = [node(0, 1000, 2000)]
    for index in range(1, draw(st.integers(1, 10))):
        parent = draw(st.sampled_from(made))
        start = draw(st.integers(parent.start_ns, parent.end_ns))
        end = draw(st.integers(start, parent.end_ns))
        made.append(node(index, start, end, parent.index, draw(st.sampled_from("abc")), kind="server"))
    return made


@given(true_trace())
def test_one_clock_is_left_alone(nodes: list[Node]) -> None:
    assert correct(join(nodes)) == []


@given(true_trace(), st.fixed_dictionaries({name: st.integers(-5000, 5000) for name in "abc"}))
def test_clocks_that_disagree_are_brought_together(nodes: list[Node], ahead: dict[str, int]) -> None:
    for one in nodes:
        one.start_ns += ahead[one.process]
        one.end_ns += ahead[one.process]
    correct(join(nodes))
    for one in nodes:
        if one.parent is not None:
            assert one.parent.start_ns <= one.start_ns <= one.end_ns <= one.parent.end_ns + LATE_END_NS


def test_an_answer_is_closed_after_its_caller_has_it() -> None:
    def called(late_ns: int) -> list[Node]:
        return [node(0, 0, 10**8, kind="client"), node(1, 10**8 - 10, 10**8 + late_ns, 0, "b", kind="server")]

    assert correct(join(called(LATE_END_NS))) == []
    nodes = called(LATE_END_NS + 1)
    assert correct(join(nodes))[0].shift_ns < 0
    assert nodes[1].end_ns <= 10**8, "so late an end is another clock's"


def test_a_call_that_ran_an_hour_ahead_is_in_the_middle_of_its_caller() -> None:
    nodes = [
        node(0, 0, 100),
        node(1, 10, 50, 0, kind="client"),
        node(2, 3600, 3620, 1, "b", kind="server"),
        node(3, 3605, 3610, 2, "b"),
    ]
    assert [(shift.index, shift.shift_ns) for shift in correct(join(nodes))] == [(2, -3580), (3, -3580)]


def test_what_took_longer_than_its_caller_begins_with_it() -> None:
    nodes = [node(0, 1000, 1100, kind="client"), node(1, 100, 5100, 0, "b", kind="server")]
    assert correct(join(nodes))[0].shift_ns == 900
    waited = [node(0, 1000, 1100, kind="client"), node(1, 1050, 5100, 0, "b", kind="server")]
    assert correct(join(waited)) == [], "the caller gave up before the call ended: no clock is wrong"


def test_a_message_is_consumed_long_after_it_was_sent() -> None:
    nodes = [node(0, 0, 10, kind="producer"), node(1, 900, 950, 0, "b", kind="consumer")]
    assert correct(join(nodes)) == []
    assert [one.index for one in critical_path(nodes[0])] == [0]


def test_the_halves_of_a_shared_span() -> None:
    nodes = [
        node(0, 0, 100, process="a", kind="client", span_id="x"),
        node(1, 20, 80, process="b", kind="server", span_id="x", shared=True),
        node(2, 30, 50, process="b", span_id="y", parent_id="x"),
    ]
    tops = join(nodes)
    assert [one.index for one in tops] == [0]
    assert [one.index for one in nodes[0].children] == [1]
    assert [one.index for one in nodes[1].children] == [2]


def test_parallel_calls_wait_for_the_slower_one() -> None:
    nodes = [node(0, 0, 100), node(1, 10, 60, 0), node(2, 10, 90, 0), node(3, 20, 40, 2)]
    join(nodes)
    path = [(one.index, one.start_ns, one.end_ns) for one in critical_path(nodes[0])]
    assert path == [(0, 0, 10), (2, 10, 20), (3, 20, 40), (2, 40, 90), (0, 90, 100)]


@pytest.mark.parametrize("shape", ["chain", "fan"])
def test_a_hundred_thousand_spans(shape: str) -> None:
    count = 100_000
    parents = [None] + [index - 1 if shape == "chain" else 0 for index in range(1, count)]
    nodes = [node(index, index, 3 * count - index, parent) for index, parent in enumerate(parents)]
    tops = join(nodes)
    correct(tops)
    assert sum(one.end_ns - one.start_ns for one in critical_path(tops[0])) == 3 * count


def test_the_answer_of_the_api() -> None:
    made = Analysis()
    for index, (service, start, duration) in enumerate((("front", 1000, 100), ("back", 5000, 50))):
        made.add(
            {
                "span_id": str(index),
                "parent_span_id": "0" if index else "",
                "service": service,
                "kind": "server",
                "start_unix_nano": str(start),
                "duration_ns": duration,
                "attributes": [],
                "resource": {"attributes": []},
            }
        )
    assert made.result() == {
        "root": 0,
        "clock_skew": [{"span": 1, "shift_ns": -3975}],
        "critical_path": [
            {"span": 0, "start_unix_nano": "1000", "duration_ns": 25},
            {"span": 1, "start_unix_nano": "1025", "duration_ns": 50},
            {"span": 0, "start_unix_nano": "1075", "duration_ns": 25},
        ],
        "critical_services": [{"name": "back", "duration_ns": 50}, {"name": "front", "duration_ns": 50}],
    }
