"""Trace ids that cut a range of time into slices: what reads many spans reads so many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

_SQL = Path(__file__).parent / "slices" / "boundaries.sql"
_SAMPLED_ONE_IN = 256
_BEFORE_ALL, _LAST = "", "f" * 32


def slices(client: Any, from_ns: int, to_ns: int, spans: int) -> Iterator[dict[str, str]]:
    """`{"after", "until"}` (hexadecimal, the first not included) of slices of about so many spans that start in the
    range; a trace is never cut. `spans` is at least 256.
    """
    parameters = {"from_ns": from_ns, "to_ns": to_ns, "every": spans // _SAMPLED_ONE_IN}
    rows = client.query(_SQL.read_text(encoding="utf-8"), parameters=parameters).result_rows
    for after, until in pairwise([_BEFORE_ALL, *(row[0] for row in rows), _LAST]):
        yield {"after": after, "until": until}
