"""One trace: all its spans, field for field as they were sent."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spanwise_collector.query._condition import pieces
from spanwise_collector.query._pinned import OF_TRACE, PinnedTraces
from spanwise_collector.query._values import Json, attributes, text
from spanwise_collector.store import ClientPool

_TRACE_ID = re.compile(r"[0-9a-f]{1,32}")
# The tables of one insert become visible one after the other, so a span may be seen before its origin. Then this is
# asked for again, after so long each time: a second together, and milliseconds are what it takes.
_ORIGIN_WAITS_S = (0.02, 0.04, 0.08, 0.16, 0.3, 0.4)


def parse_trace_id(given: str) -> str | None:
    """32 lower-case hexadecimal digits; a shorter (64-bit) id is padded with zeros. None when it is no id."""
    lowered = given.lower()
    return lowered.zfill(32) if _TRACE_ID.fullmatch(lowered) else None


_NO_ID = bytes(8)
_ALL = 2**32 - 1
# More than these are read in blocks; one more is the least that SPANWISE_COLLECTOR_MAX_ROWS may allow.
_AT_ONCE = 999
# An origin is a hash of what it stands for, so what was read once stays so. Some hundred are what a fleet has; larger
# ones than this (in bytes of their values) are read anew each time, so that these stay below some MB.
_KNOWN_ORIGINS = 1000
_LARGEST_KNOWN_BYTES = 4096

# `{origin: (resource, scope)}`
_Origins = dict[int, tuple[Json, Json]]
Rows = Sequence[Sequence[Any]]


class TraceReader:
    """Thread-safe. What is given for resources and scopes is shared between traces: not to be changed."""

    def __init__(self, pool: ClientPool) -> None:
        self._pool = pool
        self._pinned = PinnedTraces(pool)
        self._known: OrderedDict[int, tuple[Json, Json]] = OrderedDict()
        self._has_newest = False
        self._lock = threading.Lock()

    def trace(self, trace_id: str) -> Json | None:
        """`{"trace_id", "spans"}` by start time; None when there are none. `trace_id` is 32 hexadecimal digits."""
        rows = self._rows(trace_id, self._pinned.source(trace_id), _ALL)
        if not rows:
            return None
        return {"trace_id": trace_id, "spans": self._spans(trace_id, rows, {})}

    def _rows(self, trace_id: str, source: str, limit: int) -> Rows:
        """By start time, for which the engine would take longer."""
        conditions = {"source": source, "order": pieces(OF_TRACE)["at_most"].template}
        rows = self._pool.rows("trace_spans", {"trace_id": trace_id, "limit": limit}, conditions)
        return sorted(rows, key=_by_start)

    def blocks(self, trace_id: str) -> Iterator[list[Json]]:
        """The spans of `trace`, some thousand at a time, so that only these are in memory; none when there are none."""
        source = self._pinned.source(trace_id)
        rows = self._rows(trace_id, source, _AT_ONCE + 1)
        if len(rows) <= _AT_ONCE:
            if rows:
                yield self._spans(trace_id, rows, {})
            return
        # The resources have to be asked for before a long answer begins, whose turn at the store would be in the way.
        rows = self._pool.rows("trace_origins", {"trace_id": trace_id})
        origins = {row[0]: _resource_and_scope(row) for row in rows}
        in_order = {"source": source, "order": pieces(OF_TRACE)["by_start"].template}
        for block in _held_back(self._pool.blocks("trace_spans", {"trace_id": trace_id}, in_order)):
            yield self._spans(trace_id, block, origins)

    def _spans(self, trace_id: str, rows: Rows, origins: _Origins) -> list[Json]:
        """Adds to `origins` what it lacks."""
        origins |= self._with_missing(origins, rows)
        return [_span(trace_id, row, origins) for row in rows]

    def traces(self, trace_ids: Sequence[str]) -> list[Json]:
        """Like `trace` for each that is there, in this order."""
        return self._traces(trace_ids, {})

    def first_spans(self, trace_ids: Sequence[str]) -> list[Json]:
        """Like `traces`, where each has its earliest span alone: enough for a list, however large the traces are."""
        return self._traces(trace_ids, {"first": "LIMIT 1 BY trace_id"})

    def orphan_counts(self, trace_ids: Sequence[str]) -> dict[str, int]:
        """How many spans of each of these traces name a parent that is not there; only of those that have some."""
        if not trace_ids:
            return {}
        return {text(row[0]): row[1] for row in self._pool.rows("orphan_spans", {"ids": list(trace_ids)})}

    def _traces(self, trace_ids: Sequence[str], conditions: Mapping[str, str]) -> list[Json]:
        if not trace_ids:
            return []
        rows = self._pool.rows("spans_of_traces", {"ids": list(trace_ids)}, conditions)
        origins = self._with_missing({}, rows)
        spans: dict[str, list[Json]] = {}
        for row in rows:
            trace_id = row[0].hex()
            spans.setdefault(trace_id, []).append(_span(trace_id, row[1:], origins))
        return [{"trace_id": trace_id, "spans": spans[trace_id]} for trace_id in trace_ids if trace_id in spans]

    def _with_missing(self, known: _Origins, rows: Rows) -> _Origins:
        """Those that are known, and all others that the rows name; what is still not there after the waits is gone."""
        missing = {row[-1] for row in rows} - known.keys()
        origins = known | self._origins(missing)
        for wait_s in _ORIGIN_WAITS_S:
            missing -= origins.keys()
            if not missing:
                break
            time.sleep(wait_s)
            origins |= self._origins(missing)
        return origins | dict.fromkeys(missing - origins.keys(), _UNKNOWN_ORIGIN)

    def _origins(self, ids: set[int]) -> _Origins:
        if not ids:
            return {}
        if not self._has_newest:
            self._has_newest = True
            limits = {"limit": _KNOWN_ORIGINS, "largest_bytes": _LARGEST_KNOWN_BYTES}
            self._keep(self._pool.rows("newest_origins", limits))
        with self._lock:
            found = {origin: self._known[origin] for origin in ids if origin in self._known}
            for origin in found:
                self._known.move_to_end(origin)
        missing = sorted(ids - found.keys())
        return found | (self._keep(self._pool.rows("origins", {"origins": missing})) if missing else {})

    def _keep(self, rows: Rows) -> _Origins:
        """Returns them all, and remembers those that are not large."""
        made = {row[0]: _resource_and_scope(row) for row in rows}
        small = {row[0]: made[row[0]] for row in rows if _size(row) <= _LARGEST_KNOWN_BYTES}
        with self._lock:
            self._known.update(small)
            while len(self._known) > _KNOWN_ORIGINS:
                self._known.popitem(last=False)
        return made


def _held_back(blocks: Iterator[Rows]) -> Iterator[Rows]:
    """Each block once the next one is there: the last, where spans just arrived are, when the query has given its turn
    at the store back, so that more can be asked for it.
    """
    held: Rows = ()
    for block in blocks:
        if held:
            yield held
        held = block
    if held:
        yield held


def _by_start(row: Sequence[Any]) -> tuple[int, int, bytes]:
    """As the piece `by_start` does."""
    return row[7], -row[8], row[0]


def _size(row: Sequence[Any]) -> int:
    """The bytes of the values of a resource and its scope."""
    return sum(len(item["value"]) for item in (*row[1], *row[6]))


def _resource_and_scope(row: Sequence[Any]) -> tuple[Json, Json]:
    resource = {
        "attributes": attributes(row[1]),
        "dropped_attributes_count": row[2],
        "schema_url": text(row[3]),
    }
    scope = {
        "name": text(row[4]),
        "version": text(row[5]),
        "attributes": attributes(row[6]),
        "dropped_attributes_count": row[7],
        "schema_url": text(row[8]),
    }
    return resource, scope


# Spans whose origin went with an older day still show; what they have themselves is complete.
_UNKNOWN_ORIGIN: tuple[Json, Json] = _resource_and_scope((0, [], 0, b"", b"", b"", [], 0, b""))


def _span(trace_id: str, row: Sequence[Any], origins: Mapping[int, tuple[Json, Json]]) -> Json:
    (
        span_id,
        parent_id,
        trace_state,
        flags,
        service,
        name,
        kind,
        start_ns,
        duration_ns,
        status_code,
        status_message,
        span_attributes,
        events,
        links,
        dropped_attributes,
        dropped_events,
        dropped_links,
        adjusted_count,
        origin,
    ) = row
    resource, scope = origins[origin]
    return {
        "trace_id": trace_id,
        "span_id": span_id.hex(),
        "parent_span_id": parent_id.hex() if parent_id != _NO_ID else "",
        "trace_state": text(trace_state),
        "flags": flags,
        "service": text(service),
        "name": text(name),
        "kind": text(kind),
        "start_unix_nano": str(start_ns),
        "end_unix_nano": str(start_ns + duration_ns),
        "duration_ns": max(duration_ns, 0),
        "status": {"code": text(status_code), "message": text(status_message)},
        "attributes": attributes(span_attributes),
        "resource": resource,
        "scope": scope,
        "events": [_event(event) for event in events],
        "links": [_link(link) for link in links],
        "dropped_attributes_count": dropped_attributes,
        "dropped_events_count": dropped_events,
        "dropped_links_count": dropped_links,
        "adjusted_count": adjusted_count,
    }


def _event(event: Mapping[str, Any]) -> Json:
    return {
        "time_unix_nano": str(event["time_unix_nano"]),
        "name": text(event["name"]),
        "attributes": attributes(event["attributes"]),
        "dropped_attributes_count": event["dropped_attributes_count"],
    }


def _link(link: Mapping[str, Any]) -> Json:
    return {
        "trace_id": _hex(link["trace_id"]),
        "span_id": _hex(link["span_id"]),
        "trace_state": text(link["trace_state"]),
        "flags": link["flags"],
        "attributes": attributes(link["attributes"]),
        "dropped_attributes_count": link["dropped_attributes_count"],
    }


def _hex(value: bytes | str) -> str:
    return (value.encode() if isinstance(value, str) else value).hex()
