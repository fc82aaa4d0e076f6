"""The shapes of the API's answers, of which the OpenAPI document is made.

Times are strings of nanoseconds since 1970.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import NotRequired, TypedDict

Kind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
ValueType = Literal["string", "bool", "int", "double", "bytes", "array", "map", "empty"]


class Query(TypedDict):
    """A query that ran for the answer: the name of its .sql file, and with `sql=true` its text."""

    name: str
    duration_ms: float
    row_count: int
    sql: NotRequired[str]


class Answer(TypedDict):
    """What every answer has."""

    queries: list[Query]


class ServiceName(TypedDict):
    name: str


class Services(Answer):
    services: list[ServiceName]


class Operation(TypedDict):
    service: str
    name: str
    kind: Kind


class Operations(Answer):
    operations: list[Operation]


class ServiceOfTrace(TypedDict):
    name: str
    span_count: int
    error_count: int


class TraceSummary(TypedDict):
    """`duration_ns` is from the first span's start to the last one's end."""

    trace_id: str
    root_service: str
    root_name: str
    start_unix_nano: str
    duration_ns: int
    span_count: int
    error_count: int
    services: list[ServiceOfTrace]


class Traces(Answer):
    traces: list[TraceSummary]
    next_page: str | None


class Summaries(Answer):
    """Of those that are there, in the order asked for."""

    traces: list[TraceSummary]


class AttributeValue(TypedDict):
    """An int is a string, bytes are base64 text."""

    key: str
    type: ValueType
    value: Any


class Resource(TypedDict):
    attributes: list[AttributeValue]
    dropped_attributes_count: int
    schema_url: str


class InstrumentationScope(TypedDict):
    name: str
    version: str
    attributes: list[AttributeValue]
    dropped_attributes_count: int
    schema_url: str


class Event(TypedDict):
    time_unix_nano: str
    name: str
    attributes: list[AttributeValue]
    dropped_attributes_count: int


class Link(TypedDict):
    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: list[AttributeValue]
    dropped_attributes_count: int


class Status(TypedDict):
    code: Literal["unset", "ok", "error"]
    message: str


class Span(TypedDict):
    """Every field as it was sent."""

    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    flags: int
    service: str
    name: str
    kind: Kind
    start_unix_nano: str
    end_unix_nano: str
    duration_ns: int
    status: Status
    attributes: list[AttributeValue]
    resource: Resource
    scope: InstrumentationScope
    events: list[Event]
    links: list[Link]
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int
    adjusted_count: float


class ClockShift(TypedDict):
    """`shift_ns` added to the times of the span at this place in `spans` takes its clock's skew out."""

    span: int
    shift_ns: int


class CriticalSegment(TypedDict):
    """Meanwhile the root waited for the span at this place in `spans`; in corrected time."""

    span: int
    start_unix_nano: str
    duration_ns: int


class CriticalService(TypedDict):
    name: str
    duration_ns: int


class TraceAnalysis(TypedDict):
    """`root` is the place in `spans` of the span whose critical path this is."""

    root: int
    clock_skew: list[ClockShift]
    critical_path: list[CriticalSegment]
    critical_services: list[CriticalService]


class Trace(Answer):
    trace_id: str
    spans: list[Span]
    analysis: NotRequired[TraceAnalysis]


class GroupValue(TypedDict):
    """A value by which is counted; its type is `missing` where spans have none."""

    field: str
    type: Literal["string", "bool", "int", "double", "bytes", "array", "map", "empty", "missing"]
    value: Any


class RedPoint(TypedDict):
    """Weighted by adjusted counts; `durations_ns` by quantile, null where there were no calls."""

    start_unix_nano: str
    calls: float
    errors: float
    durations_ns: dict[str, int | None]


class RedSeries(TypedDict):
    group: list[GroupValue]
    calls: float
    points: list[RedPoint]


class Red(Answer):
    """`source` says whether it was counted from the one-minute aggregates or from the spans."""

    step_s: int
    source: Literal["minutes", "spans"]
    series: list[RedSeries]
    dropped_series: int


class HeatmapCell(TypedDict):
    """Calls that began in the step and took from `min_duration_ns` until below `max_duration_ns`."""

    start_unix_nano: str
    min_duration_ns: float
    max_duration_ns: float
    calls: float
    errors: float


class Heatmap(Answer):
    step_s: int
    source: Literal["minutes", "spans"]
    cells: list[HeatmapCell]


class FacetValue(TypedDict):
    """`calls` is `span_count` weighted by adjusted counts."""

    type: Literal["string", "bool", "int", "double", "bytes", "array", "map", "empty", "missing"]
    value: Any
    span_count: int
    calls: float
    error_count: int


class Facet(TypedDict):
    """Counted from `start_unix_nano` on: later than was asked for when the budget did not suffice (`complete`)."""

    field: str
    values: list[FacetValue]
    complete: bool
    start_unix_nano: str


class Facets(Answer):
    facets: list[Facet]


class Dependency(TypedDict):
    caller: str
    callee: str
    calls: int
    errors: int


class Dependencies(Answer):
    dependencies: list[Dependency]


class AttributeKey(TypedDict):
    """`field` is the attribute as filters name it."""

    field: str
    scope: Literal["resource", "scope", "span", "event", "link"]
    key: str
    types: list[ValueType]


class AttributeKeys(Answer):
    attributes: list[AttributeKey]


class AttributeValues(Answer, Facet):
    """The most frequent values of one field."""


class Pin(TypedDict):
    trace_id: str
    pinned_unix_nano: str
    note: str
    root_service: str
    root_name: str
    start_unix_nano: str
    duration_ns: int
    span_count: int
    error_count: int


class Pins(Answer):
    pins: list[Pin]


class Kept(Answer):
    """How many spans of the trace are concerned."""

    trace_id: str
    span_count: int


class Registration(TypedDict):
    """What an instance says of itself: `metrics` is `host:port/path`, `admin_url` an http(s) address."""

    identity: dict[str, str]
    metrics: NotRequired[str | None]
    admin_url: NotRequired[str | None]


class Instance(TypedDict):
    """`gone_unix_nano` is null for the living."""

    id: str
    state: Literal["alive", "gone"]
    identity: dict[str, str]
    metrics: str | None
    admin_url: str | None
    first_seen_unix_nano: str
    last_seen_unix_nano: str
    gone_unix_nano: str | None


class Instances(TypedDict):
    """Instances by service name and id, the living first."""

    instances: list[Instance]


class RouteSampling(TypedDict):
    """`rate` null is the service's; the bounds are sampled traces a second, null for none."""

    route: str
    rate: float | None
    max_per_second: float | None
    min_per_second: float | None


class SamplingPolicy(TypedDict):
    """`rate` is the share of requests that is sampled, null for the service's own."""

    rate: float | None
    routes: list[RouteSampling]


class GivenRouteSampling(TypedDict):
    route: str
    rate: NotRequired[float | None]
    max_per_second: NotRequired[float | None]
    min_per_second: NotRequired[float | None]


class GivenSamplingPolicy(TypedDict):
    """What is null may be left out."""

    rate: NotRequired[float | None]
    routes: NotRequired[list[GivenRouteSampling]]


class ServiceSampling(SamplingPolicy):
    """A service's policy, and whether it was set over HTTP or stands in the file."""

    set_by: Literal["api", "file"]


class SamplingPolicies(TypedDict):
    """All policies; `default` is of services that have none."""

    default: SamplingPolicy
    services: dict[str, ServiceSampling]


class Error(TypedDict):
    """What happened, and what to do."""

    error: str
