"""Deleting one trace: its spans, their copies and its summary.

What was added up over many traces keeps its counts: `red_minutes` and the catalogs do not know of single traces, and
rates that change afterwards would compare with nothing. Spans of the trace that are still in the spool, or come later,
are stored as those of any other; to be rid of them, delete again.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Any

_FOLDER = Path(__file__).parent / "deletion"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
# By trace id last: should a deletion fail half-way, the trace still shows, and can be deleted again.
_TABLES = ("spans", "traces", "trace_spans")


def delete_trace(client: Any, trace_id: str) -> int:
    """Returns how many spans it had; 0 when there is no such trace. `trace_id` is 32 hexadecimal digits in lower case.

    Raises ValueError for another id, or the client's DatabaseError; then some of the trace may still be there.
    """
    if not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"{trace_id[:60]!r} is not a trace id: 32 hexadecimal digits")
    count = client.query((_FOLDER / "count.sql").read_text(encoding="utf-8"), parameters={"trace_id": trace_id})
    statement = Template((_FOLDER / "delete.sql").read_text(encoding="utf-8"))
    for table in _TABLES:
        client.command(statement.substitute(table=table, trace_id=trace_id))
    return int(count.result_rows[0][0])
