"""Whether the tables are whole, and agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from spanwise_collector.store._retention import TABLES

_FOLDER = Path(__file__).parent / "check"
_PINNED = ("pinned_spans", "pinned_origins", "pins")


def check_tables(client: Any) -> Iterator[tuple[bool, str]]:
    """`(whether it is well, one line)` for each table, and for their numbers of spans together."""
    statement = Template((_FOLDER / "table.sql").read_text(encoding="utf-8"))
    for table in (*TABLES, *_PINNED):
        try:
            well = client.query(statement.substitute(table=table)).result_rows[0][0] == 1
            yield well, f"store: {table}: {'whole' if well else 'damaged'}"
        except Exception as error:
            yield False, f"store: {table}: {' '.join(str(error).split())[:200]}"
    names = ("spans", "trace_spans", "traces", "red_minutes", "service_minutes")
    counts = client.query((_FOLDER / "spans.sql").read_text(encoding="utf-8")).result_rows[0]
    words = ", ".join(f"{count} in {name}" for name, count in zip(names, counts, strict=True))
    spans, *copies, of_operations, of_services = counts
    # Rates keep counting a trace that was deleted.
    well = set(copies) == {spans} and of_operations == of_services >= spans
    yield well, f"store: spans: {words}"
