"""The ids of roots that are not sampled: numbers and the header that tells them, drawn and written many at a time.

For a single one, a handful of functions that nothing else on a request's way uses have to be fetched into the
processor's cache again each time; for a batch, once.
"""

from __future__ import annotations

import os
from random import getrandbits

from spanwise.tracing.sampling import RANDOMNESS_BITS

_BATCH = 32
_BITS = 128 + 64  # of a trace and a span id, one behind the other
_MASK_64 = (1 << 64) - 1
_RANDOMNESS = (1 << RANDOMNESS_BITS) - 1

# The last 56 bits of the trace id, on which the sampling decision is made; both ids as one number; and
# `00-<trace id>-<span id>-02`: random, not sampled.
Drawn = tuple[int, int, str]
_drawn: list[Drawn] = []


def draw() -> Drawn:
    """Ids that nobody else gets."""
    try:
        return _drawn.pop()
    except IndexError:
        _drawn.extend([_draw() for _ in range(_BATCH)])
        return _draw()


def forget() -> None:
    """In a forked child, which would tell the same ids as its parent."""
    _drawn.clear()


def split(ids: int) -> tuple[int, int]:
    """The trace id and the span id."""
    return ids >> 64, ids & _MASK_64


def _draw() -> Drawn:
    ids = getrandbits(_BITS)
    while not (ids >> 64 and ids & _MASK_64):  # an id of zeros is none
        ids = getrandbits(_BITS)
    text = ids.to_bytes(_BITS // 8, "big").hex()
    return ids >> 64 & _RANDOMNESS, ids, f"00-{text[:32]}-{text[32:]}-02"


os.register_at_fork(after_in_child=forget)
