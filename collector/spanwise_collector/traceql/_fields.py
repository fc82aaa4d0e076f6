"""The intrinsic fields of TraceQL: their types, and where the store has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spanwise_collector.traceql._tree import Type


class Needs(Enum):
    """What a query has to read beyond the lean table of spans."""

    NOTHING = 0
    WHOLE = 1  # the table of whole spans
    ORIGIN = 2  # resource and scope
    TRACE = 3  # the summary of the trace
    TREE = 4  # the numbers of its nested sets


@dataclass(frozen=True, slots=True)
class IntrinsicField:
    """`piece` is the section of `pieces.sql`; `many` of a span are the values of its events or links."""

    name: str
    type: Type
    needs: Needs = Needs.NOTHING
    many: bool = False
    is_duration: bool = False
    is_float: bool = False

    @property
    def piece(self) -> str:
        return f"intrinsic_{self.name}"


INTRINSICS = {
    field.name: field
    for field in (
        IntrinsicField("duration", Type.NUMBER, is_duration=True),
        IntrinsicField("name", Type.STRING),
        IntrinsicField("kind", Type.KIND),
        IntrinsicField("status", Type.STATUS),
        IntrinsicField("statusMessage", Type.STRING, Needs.WHOLE),
        IntrinsicField("spanID", Type.STRING),
        IntrinsicField("parentID", Type.STRING, Needs.WHOLE),
        IntrinsicField("multiplier", Type.NUMBER, is_float=True),
        IntrinsicField("childCount", Type.NUMBER, Needs.TREE),
        IntrinsicField("nestedSetParent", Type.NUMBER, Needs.TREE),
        IntrinsicField("nestedSetLeft", Type.NUMBER, Needs.TREE),
        IntrinsicField("nestedSetRight", Type.NUMBER, Needs.TREE),
        IntrinsicField("traceID", Type.STRING),
        IntrinsicField("traceDuration", Type.NUMBER, Needs.TRACE, is_duration=True),
        IntrinsicField("rootName", Type.STRING, Needs.TRACE),
        IntrinsicField("rootServiceName", Type.STRING, Needs.TRACE),
        IntrinsicField("eventName", Type.STRING, Needs.WHOLE, many=True),
        IntrinsicField("eventTimeSinceStart", Type.NUMBER, Needs.WHOLE, many=True, is_duration=True),
        IntrinsicField("linkTraceID", Type.STRING, Needs.WHOLE, many=True),
        IntrinsicField("linkSpanID", Type.STRING, Needs.WHOLE, many=True),
        IntrinsicField("instrumentationName", Type.STRING, Needs.ORIGIN),
        IntrinsicField("instrumentationVersion", Type.STRING, Needs.ORIGIN),
    )
}

# How a query writes them with their scope; without a scope they are written by the name above.
SCOPED = {
    "span:duration": "duration",
    "span:name": "name",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "span:id": "spanID",
    "span:parentID": "parentID",
    "span:multiplier": "multiplier",
    "span:childCount": "childCount",
    "trace:id": "traceID",
    "trace:duration": "traceDuration",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
    "event:name": "eventName",
    "event:timeSinceStart": "eventTimeSinceStart",
    "link:traceID": "linkTraceID",
    "link:spanID": "linkSpanID",
    "instrumentation:name": "instrumentationName",
    "instrumentation:version": "instrumentationVersion",
}
MANY_SCOPES = frozenset({"event", "link"})
