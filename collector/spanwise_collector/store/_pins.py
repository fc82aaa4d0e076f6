"""Pinning a trace: its spans and their origins are copied to tables that have no age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spanwise_collector.store._asking import noted
from spanwise_collector.store._trace_id import checked

_FOLDER = Path(__file__).parent / "pins"
_LONGEST_NOTE = 1000
_made = 0


def pins_made() -> int:
    """How many this process has made: what was read of the pins at another number is out of date."""
    return _made


class PinLimitError(Exception):
    """There is no room for another pinned trace. One line that names the setting."""


def pin_trace(client: Any, trace_id: str, note: str, max_spans: int) -> int:
    """Returns how many spans are kept, 0 when there is no such trace; pinning again adds spans that came meanwhile.

    `trace_id` is 32 hexadecimal digits in lower case, `note` says why, `max_spans` is for all pins together. Raises
    ValueError for another id or a long note, PinLimitError, or the client's DatabaseError.
    """
    parameters = {"trace_id": checked(trace_id), "note": note}
    if len(note) > _LONGEST_NOTE:
        raise ValueError(f"the note has {len(note)} characters: at most {_LONGEST_NOTE}")
    with noted("pins/count", _sql("count"), row_count=1):
        missing, copied, all_copied = client.query(_sql("count"), parameters=parameters).result_rows[0]
    if all_copied + missing > max_spans:
        raise PinLimitError(
            f"{all_copied} spans are pinned and the trace has {missing} more: at most {max_spans} in all"
            " (SPANWISE_COLLECTOR_MAX_PINNED): unpin others first"
        )
    statements = ["copy_origins", "copy_spans"] if missing else []
    for name in [*statements, "record"] if missing or copied else []:
        with noted(f"pins/{name}", _sql(name)):
            client.command(_sql(name), parameters=parameters)
    global _made
    _made += 1
    return int(missing + copied)


def _sql(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
