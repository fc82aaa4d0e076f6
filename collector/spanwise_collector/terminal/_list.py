"""A list of traces, one line each: when, how long, how many spans, who and what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from spanwise_collector.terminal._collector import Json
from spanwise_collector.terminal._style import DIM, RED, ServiceColours, Style, cells, duration, fitted, plain

_ID_WIDTH = 32
_LEAST_ROOT = 12
# Below this the gaps are one cell and the number of failed spans stands with that of all.
_NARROW = 100


@dataclass(frozen=True, slots=True)
class _Columns:
    """What stands before the trace id, with the width of each, and the gap between all."""

    widths: Mapping[str, int]
    gap: str


_WIDE = _Columns({"start": 12, "duration": 10, "spans": 7, "failed": 6}, "  ")
_TIGHT = _Columns({"start": 11, "duration": 9, "spans": 7}, " ")


def head(style: Style) -> str:
    columns = _columns(style)
    shown = [name.ljust(width) if name == "start" else name.rjust(width) for name, width in columns.widths.items()]
    return style.paint(columns.gap.join([*shown, "trace".ljust(_ID_WIDTH), "root"]), DIM)


def line(trace: Json, style: Style, colours: ServiceColours) -> str:
    """The trace id is whole: it is what one copies."""
    columns = _columns(style)
    values = {
        "start": _at(int(trace["start_unix_nano"]), exact=columns is _WIDE),
        "duration": duration(trace["duration_ns"]),
        "spans": f"{trace['span_count']:,}",
        "failed": f"{trace['error_count']:,}" if trace["error_count"] else "",
    }
    if "failed" not in columns.widths and trace["error_count"]:
        values["spans"] += "✗" if style.unicode else "!"
    shown = [
        values[name].ljust(width) if name == "start" else values[name].rjust(width)
        for name, width in columns.widths.items()
    ]
    taken = cells(columns.gap.join([*shown, trace["trace_id"], ""]))
    if trace["error_count"]:
        shown[-1] = style.paint(shown[-1], RED)
    shown.append(style.paint(trace["trace_id"], DIM))
    return columns.gap.join([*shown, _root(trace, style, colours, max(style.width - taken, _LEAST_ROOT))])


def _columns(style: Style) -> _Columns:
    return _WIDE if style.width >= _NARROW else _TIGHT


def _at(start_ns: int, *, exact: bool) -> str:
    """The time of day; of another day the date and the minute."""
    at = datetime.fromtimestamp(start_ns / 10**9).astimezone()
    if at.date() != datetime.now().astimezone().date():
        return at.strftime("%m-%d %H:%M")
    return at.strftime("%H:%M:%S.%f")[:-3] if exact else at.strftime("%H:%M:%S")


def _root(trace: Json, style: Style, colours: ServiceColours, room: int) -> str:
    mark = "…" if style.unicode else "~"
    service, name = plain(trace["root_service"]), plain(trace["root_name"]) or "(no name)"
    if cells(f"{service} {name}") > room:
        # The service keeps half of the room, or what the name leaves of it.
        service = fitted(service, min(cells(service), max(room // 2, room - cells(name) - 1)), mark)
        name = fitted(name, max(room - cells(service) - 1, 0), mark).rstrip()
    return f"{style.paint(service, colours[trace['root_service']])} {name}"
