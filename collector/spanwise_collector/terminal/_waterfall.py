"""A trace as a text tree with a waterfall: when each span ran, beside who called whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from spanwise_collector.terminal._collector import Json
from spanwise_collector.terminal._style import BOLD, DIM, RED, ServiceColours, Style, cells, duration, fitted, plain
from spanwise_collector.terminal._tree import Branch, branches

_TREE_SHARE = 0.48
_DURATION_WIDTH = 10
_DEEPEST_INDENT = 24
_NARROW = 60
# What a bar has where the span did not run.
_EMPTY = "·. "
_RUNS = re.compile(rf"[{_EMPTY}]+|[^{_EMPTY}]+")


def waterfall(spans: Sequence[Json], style: Style, *, most: int, attributes: bool) -> Iterator[str]:
    """Lines. `most` spans are shown, 0 for all; `attributes` shows those of each, with events and links."""
    start = min(int(span["start_unix_nano"]) for span in spans)
    end = max(int(span["start_unix_nano"]) + span["duration_ns"] for span in spans)
    colours = ServiceColours()
    bars_width = max(style.width - int(style.width * _TREE_SHARE) - _DURATION_WIDTH - 2, 0)
    if style.width < _NARROW:
        bars_width = 0
    tree_width = style.width - bars_width - _DURATION_WIDTH - (2 if bars_width else 1)
    tree = branches(spans)
    first = next(tree)
    yield from _heading(first.span, spans, start, end, style, colours)
    yield ""
    if bars_width:
        yield style.paint(f"{' ' * (tree_width + 1)}{_scale(end - start, bars_width)}", DIM)
    for branch in (first, *islice(tree, most - 1 if most else None)):
        yield _row(branch, start, end, style, colours, tree_width, bars_width)
        if attributes:
            yield from _details(branch, style)
    if most and len(spans) > most:
        yield style.paint(f"... and {len(spans) - most:,} more spans; --limit 0 shows all", DIM)


def _heading(
    root: Json, spans: Sequence[Json], start: int, end: int, style: Style, colours: ServiceColours
) -> Iterator[str]:
    failed = sum(span["status"]["code"] == "error" for span in spans)
    began = datetime.fromtimestamp(start / 10**9).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    services = list(dict.fromkeys(span["service"] for span in spans))
    names = style.paint(plain(root["service"]), colours[root["service"]])
    yield f"{names} {style.paint(plain(root['name']) or '(no name)', BOLD)}"
    counts = [
        began,
        duration(end - start),
        f"{len(spans):,} span{'s' * (len(spans) != 1)}",
        f"{len(services)} service{'s' * (len(services) != 1)}",
    ]
    line = "  ".join(counts)
    yield f"{line}  {style.paint(f'{failed:,} failed', RED)}" if failed else line
    yield style.paint(root["trace_id"], DIM)


def _row(
    branch: Branch, start: int, end: int, style: Style, colours: ServiceColours, tree_width: int, bars_width: int
) -> str:
    span = branch.span
    failed = span["status"]["code"] == "error"
    lines = _indent(branch, style)
    mark = ("✗ " if style.unicode else "! ") if failed else ""
    orphan = ("⋯ " if style.unicode else "? ") if branch.orphan else ""
    service, name = plain(span["service"]), plain(span["name"]) or "(no name)"
    room = max(tree_width - cells(lines) - cells(orphan) - cells(mark), 0)
    ellipsis = "…" if style.unicode else "~"
    shown_service = service if cells(service) < room // 2 else fitted(service, max(room // 2, 0), ellipsis)
    shown_name = fitted(f" {name}", max(room - cells(shown_service), 0), ellipsis)
    text = (
        style.paint(lines + orphan, DIM)
        + style.paint(mark, RED)
        + style.paint(shown_service, colours[span["service"]])
        + (style.paint(shown_name, RED) if failed else shown_name)
    )
    took = duration(span["duration_ns"]).rjust(_DURATION_WIDTH)
    if not bars_width:
        return f"{text} {took}"
    left = int(span["start_unix_nano"]) - start
    bar = _bar(left, span["duration_ns"], max(end - start, 1), bars_width, style)
    colour = RED if failed else colours[span["service"]]
    painted = "".join(style.paint(part, DIM if part[0] in _EMPTY else colour) for part in _RUNS.findall(bar))
    return f"{text} {painted} {took}"


def _indent(branch: Branch, style: Style) -> str:
    """The lines of the tree; below a certain depth they say how deep it is instead."""
    if not branch.lasts:
        return ""
    bar, fork, corner = ("│ ", "├─", "└─") if style.unicode else ("| ", "|-", "`-")
    *above, last = branch.lasts
    if len(branch.lasts) * 2 > _DEEPEST_INDENT:
        return f"{f'({len(branch.lasts)})':<{_DEEPEST_INDENT - 2}}{corner if last else fork}"
    return "".join("  " if ended else bar for ended in above) + (corner if last else fork)


def _bar(left: int, length: int, whole: int, width: int, style: Style) -> str:
    """In halves of a cell; the shortest span still shows."""
    first = min(left * 2 * width // whole, 2 * width - 1)
    last = max(min(-(-(left + length) * 2 * width // whole), 2 * width), first + 1)
    if not style.unicode:
        return "".join("#" if 2 * cell < last and 2 * cell + 2 > first else "." for cell in range(width))
    signs = {(True, True): "█", (True, False): "▌", (False, True): "▐", (False, False): "·" if style.coloured else " "}
    halves = [first <= half < last for half in range(2 * width)]
    return "".join(signs[halves[2 * cell], halves[2 * cell + 1]] for cell in range(width))


def _scale(whole: int, width: int) -> str:
    """The times at the left, in the middle and at the right of the bars."""
    middle, right = duration(whole // 2), duration(whole)
    if width < 6 + cells(middle) + cells(right):
        return right.rjust(width)
    at = width // 2 - cells(middle) // 2
    return f"0{' ' * (at - 1)}{middle}".ljust(width - cells(right)) + right


def _details(branch: Branch, style: Style) -> Iterator[str]:
    span = branch.span
    indent = "  " * min(len(branch.lasts) + 2, _DEEPEST_INDENT // 2)
    if span["status"]["message"]:
        yield f"{indent}{style.paint(plain(span['status']['message']), RED)}"
    for item in span["attributes"]:
        yield style.paint(f"{indent}{plain(item['key'])}: {_value(item['value'])}", DIM)
    for event in span["events"]:
        at = duration(max(int(event["time_unix_nano"]) - int(span["start_unix_nano"]), 0))
        values = ", ".join(f"{plain(item['key'])}={_value(item['value'])}" for item in event["attributes"])
        yield style.paint(f"{indent}+{at} {plain(event['name'])} {values}".rstrip(), DIM)
    for link in span["links"]:
        yield style.paint(f"{indent}link to {link['trace_id']} {link['span_id']}", DIM)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain(text.replace("\n", " "))
