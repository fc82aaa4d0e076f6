"""What `spanwise traces` does. Each act takes the parsed arguments and returns the exit code."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from functools import wraps

from spanwise.admin.client import Client, ClientError
from spanwise.settings import from_flags, parse_duration, resolve
from spanwise_collector.terminal._collector import Json, client, in_words, unknown_service
from spanwise_collector.terminal._list import head, line
from spanwise_collector.terminal._settings import SETTINGS
from spanwise_collector.terminal._style import ServiceColours, Style
from spanwise_collector.terminal._waterfall import waterfall

FOUND, NOTHING, SILENT = 0, 1, 3
_POLL_S = 1.0
_POLL_LIMIT = 500
# How far back each poll looks: spans of a trace arrive within seconds, and a clock may be a little late.
_POLL_BACK_NS = 60 * 10**9
# A trace that ended so long ago is shown at once.
_QUIET_NS = 10 * 10**9
_SHOWN = -1
_REMEMBERED = 20_000

Act = Callable[[Client, Namespace], int]


def _asked(act: Act) -> Callable[[Namespace], int]:
    """Says in one line why nothing was answered; a closed pipe is an end, not an error."""

    @wraps(act)
    def guarded(arguments: Namespace) -> int:
        settings = resolve(SETTINGS, from_flags(SETTINGS, arguments))
        try:
            code = act(client(settings), arguments)
            sys.stdout.flush()
            return code
        except ClientError as error:
            sys.stderr.write(f"spanwise traces: {in_words(error, settings['SPANWISE_COLLECTOR_URL'])}\n")
            return NOTHING if error.status else SILENT
        except BrokenPipeError:
            # What is still buffered goes nowhere; else Python complains of it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FOUND

    return guarded


@_asked
def search(asked: Client, arguments: Namespace) -> int:
    """Exit code 1 where nothing was found, so that scripts can ask."""
    if arguments.follow:
        arguments.sort = None  # what is new comes in the order in which it began
        return _follow(asked, arguments)
    found = asked.json("/api/spanwise/traces", **_query(arguments))["traces"]
    if not found:
        said = unknown_service(asked, arguments.service) if arguments.service else None
        sys.stderr.write(f"spanwise traces: {said or 'no trace fits'}\n")
        return NOTHING
    style = Style.of_stdout()
    if not arguments.json:
        _write([head(style)])
    _write(_lines(found, arguments, style, ServiceColours()))
    return FOUND


@_asked
def show(asked: Client, arguments: Namespace) -> int:
    """Exit code 1 where there is no such trace."""
    spans = asked.json(f"/api/spanwise/traces/{arguments.trace_id}")["spans"]
    if arguments.json:
        _write(json.dumps(span, ensure_ascii=False) for span in spans)
    else:
        _write(waterfall(spans, Style.of_stdout(), most=arguments.limit, attributes=arguments.attributes))
    return FOUND


@_asked
def services(asked: Client, arguments: Namespace) -> int:
    """Exit code 1 where there are none."""
    found = asked.json("/api/spanwise/services")["services"]
    _write(json.dumps(entry, ensure_ascii=False) if arguments.json else entry["name"] for entry in found)
    return FOUND if found else NOTHING


def _follow(asked: Client, arguments: Namespace) -> int:
    """Until it is interrupted: each trace once, when no further span of it came for a second."""
    style, colours = Style.of_stdout(), ServiceColours()
    if not arguments.json:
        _write([head(style)])
    began_ns = time.time_ns() - int(parse_duration(arguments.since or "1s") * 1e9)
    from_ns = began_ns
    counts: dict[str, int] = {}  # spans of each trace when it was last seen; _SHOWN once it was shown
    while True:
        now_ns = time.time_ns()
        query = _query(arguments) | {"start": from_ns, "limit": _POLL_LIMIT}
        settled = []
        for trace in reversed(asked.json("/api/spanwise/traces", **query)["traces"]):
            before = counts.get(trace["trace_id"], 0)
            if before == _SHOWN:
                continue
            if before == trace["span_count"] or _end_ns(trace) < now_ns - _QUIET_NS:
                settled.append(trace)
            counts[trace["trace_id"]] = _SHOWN if settled[-1:] == [trace] else trace["span_count"]
        _write(_lines(settled, arguments, style, colours))
        sys.stdout.flush()
        from_ns = max(began_ns, now_ns - _POLL_BACK_NS)
        while len(counts) > _REMEMBERED:
            del counts[next(iter(counts))]
        time.sleep(_POLL_S)


def _end_ns(trace: Json) -> int:
    return int(trace["start_unix_nano"]) + int(trace["duration_ns"])


def _query(arguments: Namespace) -> dict[str, object]:
    """The parameters of docs/collector-api.md; those that are None are left out."""
    since = arguments.since
    return {
        "service": arguments.service,
        "operation": arguments.operation,
        "min_duration": arguments.min_duration,
        "max_duration": arguments.max_duration,
        "error": "true" if arguments.error else None,
        "start": time.time_ns() - int(parse_duration(since) * 1e9) if since else None,
        "filter": arguments.filter,
        "sort": arguments.sort,
        "limit": arguments.limit,
    }


def _lines(traces: Iterable[Json], arguments: Namespace, style: Style, colours: ServiceColours) -> Iterable[str]:
    if arguments.json:
        return (json.dumps(trace, ensure_ascii=False) for trace in traces)
    return (line(trace, style, colours) for trace in traces)


def _write(lines: Iterable[str]) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    for text in lines:
        if not encoding.startswith("utf"):
            text = text.replace("µ", "u")
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
