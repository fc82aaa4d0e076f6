"""Turns a process's clock back while a marker exists: Python imports this at start, from PYTHONPATH.

`TURNED_BACK_WHILE` names the marker, `TURNED_BACK_S` how far. The monotonic clock goes on as it should.
"""

import os
import time

_MARKER = os.environ["TURNED_BACK_WHILE"]
_BACK_S = int(os.environ["TURNED_BACK_S"])
_time, _time_ns = time.time, time.time_ns


def _back_s() -> int:
    return _BACK_S if os.path.exists(_MARKER) else 0  # noqa: PTH110 - pathlib looks at the clock's module


time.time = lambda: _time() - _back_s()
time.time_ns = lambda: _time_ns() - _back_s() * 10**9
