"""A list of traces, one line each: when, how long, how many spans, who and what."""

from __future__ import annotations

from datetime import datetime

from spanwise_collector.terminal._collector import Json
from spanwise_collector.terminal._style import DIM, RED, ServiceColours, Style, cells, duration, fitted, plain

_HEAD = ("start", "duration", "spans", "failed")
_WIDTHS = (12, 10, 7, 6)


def head(style: Style) -> str:
    columns = [name.ljust(_WIDTHS[0]) if name == "start" else name.rjust(width)
               for name, width in zip(_HEAD, _WIDTHS, strict=True)]  # fmt: skip
    return style.paint("  ".join([*columns, "trace".ljust(32), "root"]), DIM)


def line(trace: Json, style: Style, colours: ServiceColours) -> str:
    """The trace id is whole: it is what one copies."""
    at = datetime.fromtimestamp(int(trace["start_unix_nano"]) / 10**9).astimezone().strftime("%H:%M:%S.%f")[:-3]
    failed = f"{trace['error_count']:,}" if trace["error_count"] else ""
    columns = [
        at.ljust(_WIDTHS[0]),
        duration(trace["duration_ns"]).rjust(_WIDTHS[1]),
        f"{trace['span_count']:,}".rjust(_WIDTHS[2]),
        style.paint(failed.rjust(_WIDTHS[3]), RED),
        style.paint(trace["trace_id"], DIM),
    ]
    service, name = plain(trace["root_service"]), plain(trace["root_name"]) or "(no name)"
    room = max(style.width - sum(_WIDTHS) - 32 - 2 * len(columns), 16)
    if cells(f"{service} {name}") > room:
        name = fitted(name, max(room - cells(service) - 1, 8), "…" if style.unicode else "~").rstrip()
    return "  ".join([*columns, f"{style.paint(service, colours[trace['root_service']])} {name}"])
