"""The ids of roots that are not sampled: the header that tells them, written many at a time.

For a single one, a handful of functions that nothing else on a request's way uses have to be fetched into the
processor's cache again each time; for a batch, once. The trace ids of a batch share their first half, and the byte
behind it is zero: what is random of each are its last 56 bits, as the header's flag says, and on these the sampling
decision is made. A root's span id is the second half of its trace id, as Zipkin's tracers make it: nobody else in the
trace has it.
"""

from __future__ import annotations

import os
from random import getrandbits
from struct import Struct

_BATCH = 32
_HALF = 8  # bytes of half a trace id, and of a span id
_NUMBERS = Struct(f">{_BATCH}Q")

# The last 56 bits of the trace id, and `00-<trace id>-<span id>-02`: random, not sampled.
Drawn = tuple[int, str]
# Those that nobody has taken yet.
drawn_before: list[Drawn] = []


def draw() -> Drawn:
    """Ids that nobody else gets."""
    try:
        return drawn_before.pop()
    except IndexError:
        drawn = _batch()
        one = drawn.pop()
        drawn_before.extend(drawn)
        return one


def forget() -> None:
    """In a forked child, which would tell the same ids as its parent."""
    drawn_before.clear()


def is_root(header: str) -> bool:
    """Whether the ids that it tells were drawn here: those of a span below another have nothing in common."""
    return header[19:35] == header[36:52]


def split(header: str) -> tuple[int, int]:
    """The trace id and the span id that it tells."""
    _, trace_id, span_id, _ = header.split("-")
    return int(trace_id, 16), int(span_id, 16)


def _batch() -> list[Drawn]:
    halves = bytearray(getrandbits(8 * _HALF * _BATCH).to_bytes(_HALF * _BATCH, "big"))
    halves[::_HALF] = bytes(_BATCH)
    numbers = _NUMBERS.unpack(halves)
    if 0 in numbers:  # an id of zeros is none
        return _batch()
    start = f"00-{getrandbits(8 * _HALF):016x}"
    headers = [f"{start}{half}-{half}-02" for half in halves.hex("-", _HALF).split("-")]
    return list(zip(numbers, headers, strict=True))


os.register_at_fork(after_in_child=forget)
