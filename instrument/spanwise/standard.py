"""The standard: the one place where a metric is defined.

Instruments are created from this table; `/admin/metric_metadata.json`, panels, axes, thresholds, recording rules and
docs are generated from it. That is why services are comparable: nothing else may invent a metric name.

Names are OpenTelemetry semantic conventions in their Prometheus translation (opentelemetry-specification,
compatibility/prometheus_and_openmetrics.md): dots become `_`, the unit is appended, a monotonic sum ends in `_total`.
Units are UCUM as in OpenTelemetry; an annotation in braces such as `{request}` adds no suffix.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# opentelemetry semantic-conventions, http.server.request.duration: ExplicitBucketBoundaries advice, in seconds.
HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# A collection of the young generation takes well under a millisecond, a full one of a large heap a second.
GC_PAUSE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

# The methods of RFC 9110 and RFC 5789; any other is recorded as `_OTHER` (semantic conventions, http.request.method).
KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"

# From a turn of a healthy loop to one that a probe gives up on.
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# The conventions' advice for db.client.operation.duration.
DB_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
# Jobs last from milliseconds to hours: the HTTP buckets, and what is beyond them.
TASK_BUCKETS = (*HTTP_BUCKETS, 30.0, 60.0, 300.0, 900.0, 3600.0)

# On every line of `/metrics`, or as target labels; never absent.
IDENTITY_LABELS = ("service_name", "service_version", "deployment_environment_name")
UNKNOWN = "unknown"


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Better(Enum):
    """Which direction is an improvement; what comparisons and thresholds need to know."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


class Role(Enum):
    """Which question the metric answers, and so which panel it gets."""

    RATE = "rate"
    ERRORS = "errors"
    DURATION = "duration"
    SATURATION = "saturation"
    IDENTITY = "identity"


class Workers(Enum):
    """How the gauges of a service's worker processes become one; counters and histograms are always added up."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    EACH = "each"  # not at all: each worker's stands for itself, told apart by the label `worker`


class ServiceKind(Enum):
    """Which services have a metric, and so must have data in its panels."""

    EVERY = "every"  # every instrumented process, from its first scrape
    HTTP_SERVER = "http server"  # once it has answered a request
    HTTP_CLIENT = "http client"  # once it has made a request through an instrumented client
    DATABASE = "database"  # once it has executed a statement through SQLAlchemy
    MESSAGING = "messaging"  # once it has run a task or sent a message
    CIRCUIT_BREAKER = "circuit breaker"  # once it has told spanwise.breakers of one
    EVENT_LOOP = "event loop"  # once an event loop of it has answered a request
    EXECUTOR = "executor"  # once it has run something in a thread pool
    CGROUP = "cgroup"  # where a container limits its CPU and memory
    SLO = "slo"  # once it has declared an SLO and answered a request of it
    COLLECTOR = "collector"  # the collector alone
    LINUX = "linux"  # every instrumented process where there is a /proc


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. `name` is the Prometheus family name: of a counter with `_total`, of a histogram without `_bucket`."""

    name: str
    kind: Kind
    unit: str
    description: str
    role: Role
    had_by: ServiceKind
    better: Better = Better.NEITHER
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    domain: tuple[float | None, float | None] = (0.0, None)
    source: str = ""  # the convention's own name, where it has one
    workers: Workers = Workers.SUM  # of a gauge
    owner: str = ""  # who declared it, where that is not the service's owner

    @property
    def series(self) -> tuple[str, ...]:
        """The sample names that a scrape returns for it."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


HTTP_SERVER_REQUEST_DURATION = Metric(
    name="http_server_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="Duration of HTTP server requests, until the body is closed; also of those that raise.",
    role=Role.DURATION,
    had_by=ServiceKind.HTTP_SERVER,
    better=Better.LOWER,
    labels=("http_request_method", "http_route", "http_response_status_code"),
    buckets=HTTP_BUCKETS,
    source="http.server.request.duration",
)
HTTP_SERVER_ACTIVE_REQUESTS = Metric(
    name="http_server_active_requests",
    kind=Kind.GAUGE,
    unit="{request}",
    description="HTTP server requests in flight.",
    role=Role.SATURATION,
    had_by=ServiceKind.HTTP_SERVER,
    better=Better.LOWER,
    labels=("http_request_method",),
    source="http.server.active_requests",
)
HTTP_CLIENT_REQUEST_DURATION = Metric(
    name="http_client_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="Duration of HTTP client requests, until the response's headers are there.",
    role=Role.DURATION,
    had_by=ServiceKind.HTTP_CLIENT,
    better=Better.LOWER,
    labels=("http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"),
    buckets=HTTP_BUCKETS,
    source="http.client.request.duration",
)
DB_CLIENT_OPERATION_DURATION = Metric(
    name="db_client_operation_duration_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="Duration of statements that SQLAlchemy executed; error_type is empty when it went well.",
    role=Role.DURATION,
    had_by=ServiceKind.DATABASE,
    better=Better.LOWER,
    labels=("db_system_name", "db_operation_name", "error_type"),
    buckets=DB_BUCKETS,
    source="db.client.operation.duration",
)
MESSAGING_PROCESS_DURATION = Metric(
    name="messaging_process_duration_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="Duration of background jobs and of the processing of messages; error_type is empty when it went well.",
    role=Role.DURATION,
    had_by=ServiceKind.MESSAGING,
    better=Better.LOWER,
    labels=("messaging_system", "messaging_destination_name", "error_type"),
    buckets=TASK_BUCKETS,
    source="messaging.process.duration",
)
MESSAGING_PROCESS_ACTIVE = Metric(
    name="messaging_process_active_tasks",
    kind=Kind.GAUGE,
    unit="{task}",
    description="Background jobs and messages being processed.",
    role=Role.SATURATION,
    had_by=ServiceKind.MESSAGING,
    better=Better.LOWER,
    labels=("messaging_system", "messaging_destination_name"),
)
MESSAGING_SENT = Metric(
    name="messaging_client_sent_messages_total",
    kind=Kind.COUNTER,
    unit="{message}",
    description="Messages sent, and attempts to: those have an error_type.",
    role=Role.RATE,
    had_by=ServiceKind.MESSAGING,
    labels=("messaging_system", "messaging_destination_name", "error_type"),
    source="messaging.client.sent.messages",
)
CIRCUIT_BREAKER_STATE = Metric(
    name="circuit_breaker_state",
    kind=Kind.GAUGE,
    unit="{state}",
    description="State of a circuit breaker: 0 closed, 1 half open, 2 open.",
    role=Role.SATURATION,
    had_by=ServiceKind.CIRCUIT_BREAKER,
    better=Better.LOWER,
    labels=("circuit_breaker_name",),
    domain=(0.0, 2.0),
    workers=Workers.MAX,
)
CIRCUIT_BREAKER_CALLS = Metric(
    name="circuit_breaker_calls_total",
    kind=Kind.COUNTER,
    unit="{call}",
    description="Calls through a circuit breaker, by outcome: success, failure, rejected (not called at all) or retry.",
    role=Role.RATE,
    had_by=ServiceKind.CIRCUIT_BREAKER,
    labels=("circuit_breaker_name", "outcome"),
)
SLO_EVENTS = Metric(
    name="slo_events_total",
    kind=Kind.COUNTER,
    unit="{event}",
    description="Events of a declared service level objective, good and bad, counted where they happen.",
    role=Role.ERRORS,
    had_by=ServiceKind.SLO,
    labels=("slo", "outcome"),
)
SLO_OBJECTIVE = Metric(
    name="slo_objective_ratio",
    kind=Kind.GAUGE,
    unit="1",
    description="The objective of a declared SLO: the share of events that must be good.",
    role=Role.IDENTITY,
    had_by=ServiceKind.SLO,
    labels=("slo",),
    domain=(0.0, 1.0),
    workers=Workers.MAX,
)
TARGET_INFO = Metric(
    name="target_info",
    kind=Kind.GAUGE,
    unit="1",
    description="The instance's resource attributes as labels; always 1.",
    role=Role.IDENTITY,
    had_by=ServiceKind.EVERY,
    labels=(
        "service_namespace",
        "service_instance_id",
        "vcs_ref_head_revision",
        "spanwise_owner",
        "spanwise_admin_url",
    ),
    domain=(1.0, 1.0),
    source="opentelemetry resource attributes",
)
PYTHON_GC_PAUSE = Metric(
    name="python_gc_pause_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="Time the process stood still for one garbage collection.",
    role=Role.SATURATION,
    had_by=ServiceKind.EVERY,
    better=Better.LOWER,
    labels=("generation",),
    buckets=GC_PAUSE_BUCKETS,
)
PYTHON_THREADS = Metric(
    name="python_threads",
    kind=Kind.GAUGE,
    unit="{thread}",
    description="Python threads that are alive.",
    role=Role.SATURATION,
    had_by=ServiceKind.EVERY,
    better=Better.LOWER,
)
PYTHON_EVENT_LOOP_LAG = Metric(
    name="python_event_loop_lag_seconds",
    kind=Kind.HISTOGRAM,
    unit="s",
    description="How late an event loop that serves requests ran a heartbeat; measured ten times a second.",
    role=Role.SATURATION,
    had_by=ServiceKind.EVENT_LOOP,
    better=Better.LOWER,
    buckets=LAG_BUCKETS,
)


def _executor(name: str, unit: str, description: str) -> Metric:
    role, had_by = Role.SATURATION, ServiceKind.EXECUTOR
    return Metric(name, Kind.GAUGE, unit, description, role, had_by, Better.LOWER, ("executor",))


PYTHON_EXECUTOR_THREADS = _executor("python_executor_threads", "{thread}", "Threads of the thread pools, by pool name.")
PYTHON_EXECUTOR_BUSY = _executor("python_executor_busy_threads", "{thread}", "Threads of the pools that are at work.")
PYTHON_EXECUTOR_WAITING = _executor("python_executor_waiting_jobs", "{job}", "Jobs that wait for a thread of the pool.")


def _cgroup(
    name: str, unit: str, description: str, better: Better, domain: tuple[float, float | None] = (0.0, None)
) -> Metric:
    # All workers are in one group, so the largest reading is the newest.
    role, had_by = Role.SATURATION, ServiceKind.CGROUP
    return Metric(name, Kind.GAUGE, unit, description, role, had_by, better, domain=domain, workers=Workers.MAX)


CGROUP_CPU_THROTTLED = _cgroup(
    "process_cgroup_cpu_throttled_ratio",
    "1",
    "Share of the scheduler's periods in which the container had used up its CPU limit, over about a minute.",
    Better.LOWER,
    (0.0, 1.0),
)
CGROUP_CPU_LIMIT = _cgroup(
    "process_cgroup_cpu_limit_cores", "{core}", "The container's CPU limit, in cores.", Better.NEITHER
)
CGROUP_MEMORY_LIMIT = _cgroup(
    "process_cgroup_memory_limit_bytes", "By", "The container's memory limit.", Better.NEITHER
)
CGROUP_MEMORY = _cgroup(
    "process_cgroup_memory_bytes", "By", "Memory that the container uses, page cache included.", Better.LOWER
)
SPAN_QUEUE_SIZE = Metric(
    name="otel_sdk_processor_span_queue_size",
    kind=Kind.GAUGE,
    unit="{span}",
    description="Finished spans waiting for export.",
    role=Role.SATURATION,
    had_by=ServiceKind.EVERY,
    better=Better.LOWER,
    source="otel.sdk.processor.span.queue.size",
)
SPANS_EXPORTED = Metric(
    name="otel_sdk_exporter_span_exported_total",
    kind=Kind.COUNTER,
    unit="{span}",
    description="Spans that the collector has acknowledged.",
    role=Role.RATE,
    had_by=ServiceKind.EVERY,
    source="otel.sdk.exporter.span.exported",
)
SPANS_DROPPED = Metric(
    name="otel_sdk_exporter_span_dropped_total",
    kind=Kind.COUNTER,
    unit="{span}",
    description="Sampled spans that were lost, by reason.",
    role=Role.ERRORS,
    had_by=ServiceKind.EVERY,
    better=Better.LOWER,
    labels=("reason",),
)


def _process(name: str, kind: Kind, unit: str, description: str, workers: Workers = Workers.SUM) -> Metric:
    role, had_by = Role.SATURATION, ServiceKind.LINUX
    return Metric(name, kind, unit, description, role, had_by, Better.LOWER, workers=workers)


# The `process_*` and `python_gc_*` families are those that prometheus-client's own collectors emit.
PROCESS_METRICS = (
    _process("process_cpu_seconds_total", Kind.COUNTER, "s", "CPU time used, user and system."),
    _process("process_resident_memory_bytes", Kind.GAUGE, "By", "Resident memory."),
    _process("process_virtual_memory_bytes", Kind.GAUGE, "By", "Virtual memory."),
    _process("process_open_fds", Kind.GAUGE, "{file}", "Open file descriptors."),
    _process("process_max_fds", Kind.GAUGE, "{file}", "The most file descriptors the process may open."),
    # Of several workers the one that is up longest: it tells how long the service has answered without a break.
    _process(
        "process_start_time_seconds",
        Kind.GAUGE,
        "s",
        "When the process started, in seconds since 1970.",
        Workers.MIN,
    ),
)
PYTHON_GC_METRICS = tuple(
    Metric(name, Kind.COUNTER, unit, description, Role.SATURATION, ServiceKind.EVERY, Better.LOWER, ("generation",))
    for name, unit, description in (
        ("python_gc_collections_total", "{collection}", "Garbage collections."),
        ("python_gc_objects_collected_total", "{object}", "Objects freed by garbage collections."),
        ("python_gc_objects_uncollectable_total", "{object}", "Objects that garbage collections could not free."),
    )
)
PYTHON_INFO = Metric(
    name="python_info",
    kind=Kind.GAUGE,
    unit="1",
    description="The Python that runs the process; always 1.",
    role=Role.IDENTITY,
    had_by=ServiceKind.EVERY,
    labels=("implementation", "major", "minor", "patchlevel", "version"),
    domain=(1.0, 1.0),
    workers=Workers.MAX,
)

METRICS: tuple[Metric, ...] = (
    HTTP_SERVER_REQUEST_DURATION,
    HTTP_SERVER_ACTIVE_REQUESTS,
    HTTP_CLIENT_REQUEST_DURATION,
    DB_CLIENT_OPERATION_DURATION,
    MESSAGING_PROCESS_DURATION,
    MESSAGING_PROCESS_ACTIVE,
    MESSAGING_SENT,
    CIRCUIT_BREAKER_STATE,
    CIRCUIT_BREAKER_CALLS,
    SLO_EVENTS,
    SLO_OBJECTIVE,
    TARGET_INFO,
    *PROCESS_METRICS,
    *PYTHON_GC_METRICS,
    PYTHON_GC_PAUSE,
    PYTHON_THREADS,
    PYTHON_INFO,
    PYTHON_EVENT_LOOP_LAG,
    PYTHON_EXECUTOR_THREADS,
    PYTHON_EXECUTOR_BUSY,
    PYTHON_EXECUTOR_WAITING,
    CGROUP_CPU_THROTTLED,
    CGROUP_CPU_LIMIT,
    CGROUP_MEMORY_LIMIT,
    CGROUP_MEMORY,
    SPAN_QUEUE_SIZE,
    SPANS_EXPORTED,
    SPANS_DROPPED,
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
# Every sample name a query may use, with its metric.
BY_SERIES: dict[str, Metric] = {series: metric for metric in METRICS for series in metric.series}

# Resource attribute -> Prometheus label, for `target_info` and the identity on every line.
IDENTITY_ATTRIBUTES = {
    "service.name": "service_name",
    "service.version": "service_version",
    "deployment.environment.name": "deployment_environment_name",
    "service.namespace": "service_namespace",
    "service.instance.id": "service_instance_id",
    "vcs.ref.head.revision": "vcs_ref_head_revision",
    "spanwise.owner": "spanwise_owner",
    "spanwise.admin.url": "spanwise_admin_url",
}
