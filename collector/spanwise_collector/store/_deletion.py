"""Deleting one trace: its spans, their copies, its summary and its pin.

What was added up over many traces keeps its counts: `red_minutes`, `edges` and the catalogs do not know of single
traces, and rates that change afterwards would compare with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from spanwise_collector.store._asking import noted
from spanwise_collector.store._trace_id import checked

_FOLDER = Path(__file__).parent / "deletion"
_PINNED = ("pins", "pinned_spans")
# By trace id last: should a deletion fail half-way, the trace still shows, and can be deleted again.
_ALL = ("spans", "traces", *_PINNED, "trace_spans")


def delete_trace(client: Any, trace_id: str) -> int:
    """Returns how many spans it had; 0 when there is no such trace. `trace_id` is 32 hexadecimal digits in lower case.

    Raises ValueError for another id, or the client's DatabaseError; then some of the trace may still be there.
    """
    return _delete(client, trace_id, _ALL, count="count")


def unpin_trace(client: Any, trace_id: str) -> int:
    """Takes the copies away, so that the trace ages like any other; returns how many spans they were. Raises like
    `delete_trace`.
    """
    return _delete(client, trace_id, _PINNED, count="count_pinned")


def _delete(client: Any, trace_id: str, tables: Sequence[str], count: str) -> int:
    parameters = {"trace_id": checked(trace_id)}
    counting = (_FOLDER / f"{count}.sql").read_text(encoding="utf-8")
    with noted(f"deletion/{count}", counting, row_count=1):
        found = client.query(counting, parameters=parameters)
    statement = Template((_FOLDER / "delete.sql").read_text(encoding="utf-8"))
    for table in tables:
        with noted("deletion/delete", statement.safe_substitute(table=table)):
            client.command(statement.substitute(table=table, trace_id=trace_id))
    return int(found.result_rows[0][0])
