"""Ids that are drawn many at a time: each is told once, by one process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from spanwise.tracing.root_ids import draw, split
from spanwise.tracing.tracecontext import RANDOM, parse


def test_the_header_tells_the_ids() -> None:
    for _ in range(100):
        randomness, header = draw()
        told = parse(header)
        assert told is not None
        assert (told.trace_id, told.span_id) == split(header)
        assert told.flags == RANDOM
        assert randomness == told.trace_id & ((1 << 56) - 1)


def test_threads_get_different_ones() -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: draw()[1], range(4000)))
    assert len(set(drawn)) == len(drawn)


def test_a_forked_child_gets_others() -> None:
    draw()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, "\n".join(draw()[1] for _ in range(20)).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, encoding="ascii") as pipe:
        theirs = set(pipe.read().split())
    os.waitpid(child, 0)
    assert len(theirs) == 20
    assert not theirs & {draw()[1] for _ in range(100)}
