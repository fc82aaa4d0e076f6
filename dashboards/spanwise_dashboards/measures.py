"""What the boards show: one `Measure` for each question, derived from a metric of the standard.

A measure has one title, unit, axis, direction, colour and pair of thresholds wherever it appears, on every board and
for every service; that is what makes two panels comparable by eye. `default_measure` gives any other metric of the
standard its panel, so that a new row there needs no edit here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spanwise import standard
from spanwise.standard import Better, Kind, Metric
from spanwise_dashboards import promql, slo
from spanwise_dashboards.promql import Expr, Scope
from spanwise_dashboards.units import level_unit, rate_unit

Build = Callable[[Scope, tuple[str, ...]], Expr]
SERVER = standard.HTTP_SERVER_REQUEST_DURATION
CLIENT = standard.HTTP_CLIENT_REQUEST_DURATION
DIRECTIONS = {Better.LOWER: " Lower is better.", Better.HIGHER: " Higher is better.", Better.NEITHER: ""}


@dataclass(frozen=True, slots=True)
class Measure:
    """`what` says how the number comes from the metric; `soft_max` is the least extent of its axis, so that noise near
    zero does not fill the panel; `thresholds` are where attention and alarm begin."""

    key: str
    title: str
    metric: Metric
    what: str
    unit: str
    expr: Build
    better: Better = Better.LOWER
    minimum: float | None = 0.0
    maximum: float | None = None
    soft_max: float | None = None
    thresholds: tuple[float, float] | None = None
    color: str = ""

    @property
    def description(self) -> str:
        return describe((self,))


def describe(measures: Sequence[Measure]) -> str:
    """A panel's description: what each line shows, and which metrics of the standard it comes from."""
    what = dict.fromkeys(f"{measure.what}{DIRECTIONS[measure.better]}" for measure in measures)
    source = dict.fromkeys(f"From `{measure.metric.name}`: {measure.metric.description}" for measure in measures)
    return "\n\n".join((*what, *source))


def _rate(metric: Metric) -> Build:
    return lambda scope, by: promql.rate(metric, scope, by)


def _ratio(metric: Metric, bad: str) -> Build:
    return lambda scope, by: promql.ratio(metric, bad, scope, by)


def _quantile(metric: Metric, q: float) -> Build:
    return lambda scope, by: promql.quantile(metric, q, scope, by)


def _level(metric: Metric) -> Build:
    return lambda scope, by: promql.level(metric, scope, by)


def _latency(key: str, metric: Metric, whose: str, q: float, color: str) -> Measure:
    what = f"{q * 100:g} % of {whose} took no longer than this; estimated from summed buckets."
    return Measure(key, f"Latency p{q * 100:g}", metric, what, "s", _quantile(metric, q), color=color)


REQUEST_RATE = Measure(
    "request_rate",
    "Requests",
    SERVER,
    "Requests answered in a second.",
    "reqps",
    _rate(SERVER),
    Better.NEITHER,
    color="blue",
)
ERROR_RATIO = Measure(
    "error_ratio",
    "Errors",
    SERVER,
    "Share of the requests answered with a status of 500 or above, weighted by traffic; 0 without any.",
    "percentunit",
    _ratio(SERVER, promql.SERVER_ERROR),
    maximum=None,
    soft_max=0.01,
    thresholds=(0.01, 0.05),
    color="red",
)
LATENCY_P50 = _latency("latency_p50", SERVER, "the requests", 0.5, "light-purple")
LATENCY_P90 = _latency("latency_p90", SERVER, "the requests", 0.9, "purple")
LATENCY_P99 = _latency("latency_p99", SERVER, "the requests", 0.99, "dark-purple")
IN_FLIGHT = Measure(
    "in_flight",
    "In flight",
    standard.HTTP_SERVER_ACTIVE_REQUESTS,
    "Requests being answered at the moment of the scrape.",
    "short",
    _level(standard.HTTP_SERVER_ACTIVE_REQUESTS),
    color="orange",
)
CLIENT_RATE = Measure(
    "client_rate", "Calls", CLIENT, "Requests made in a second.", "reqps", _rate(CLIENT), Better.NEITHER, color="blue"
)
CLIENT_ERROR_RATIO = Measure(
    "client_error_ratio",
    "Failed calls",
    CLIENT,
    "Share of the requests made that failed: refused, timed out, or answered with an error; 0 without any.",
    "percentunit",
    _ratio(CLIENT, promql.CLIENT_ERROR),
    soft_max=0.01,
    thresholds=(0.01, 0.05),
    color="red",
)
CLIENT_P50 = _latency("client_latency_p50", CLIENT, "the calls", 0.5, "light-purple")
CLIENT_P99 = _latency("client_latency_p99", CLIENT, "the calls", 0.99, "dark-purple")

_PROCESS = {metric.name: metric for metric in standard.PROCESS_METRICS}
OPEN_FILES = Measure(
    "open_files_ratio",
    "File descriptors",
    _PROCESS["process_open_fds"],
    "Share of the file descriptors the process may open that are open.",
    "percentunit",
    lambda scope, by: promql.fraction(_PROCESS["process_open_fds"], _PROCESS["process_max_fds"], scope, by),
    maximum=1.0,
    thresholds=(0.8, 0.9),
)
CPU = Measure(
    "cpu",
    "CPU",
    _PROCESS["process_cpu_seconds_total"],
    "CPU seconds used in a second; 100 % is one core.",
    "percentunit",
    _rate(_PROCESS["process_cpu_seconds_total"]),
)
MEMORY = Measure(
    "memory",
    "Memory",
    _PROCESS["process_resident_memory_bytes"],
    "Resident memory.",
    "bytes",
    _level(_PROCESS["process_resident_memory_bytes"]),
)
UPTIME = Measure(
    "uptime",
    "Uptime",
    _PROCESS["process_start_time_seconds"],
    "Time since the process started; it falls to zero at a restart.",
    "s",
    lambda scope, by: promql.age(_PROCESS["process_start_time_seconds"], scope, by),
    Better.NEITHER,
)
GC_PAUSE = Measure(
    "gc_pause",
    "GC pauses",
    standard.PYTHON_GC_PAUSE,
    "Share of the time that the process stood still for garbage collection.",
    "percentunit",
    lambda scope, by: promql.share_of_time(standard.PYTHON_GC_PAUSE, scope, by),
    thresholds=(0.05, 0.1),
    soft_max=0.01,
)
SPANS_DROPPED = Measure(
    "spans_dropped",
    "Spans lost",
    standard.SPANS_DROPPED,
    "Sampled spans lost in a second; 0 without any.",
    "cps",
    lambda scope, by: promql.rate_or_zero(standard.SPANS_DROPPED, standard.SPANS_EXPORTED, scope, by),
    soft_max=1.0,
    color="red",
)
SERVICES = Measure(
    "services",
    "Services",
    standard.TARGET_INFO,
    "Services with at least one instance that answers scrapes.",
    "short",
    lambda scope, _: promql.count(standard.TARGET_INFO, scope, "service_name"),
    Better.NEITHER,
)
INSTANCES = Measure(
    "instances",
    "Instances",
    standard.TARGET_INFO,
    "Instances that answer scrapes.",
    "short",
    lambda scope, _: promql.count(standard.TARGET_INFO, scope),
    Better.NEITHER,
)

ALIVE = Measure(
    "alive",
    "Instances",
    standard.TARGET_INFO,
    "Instances that answer scrapes.",
    "short",
    lambda scope, by: promql.level(standard.TARGET_INFO, scope, by),
    Better.NEITHER,
)
_SLO_METRICS = (standard.SLO_EVENTS, standard.SLO_OBJECTIVE)


def _recorded(record: str) -> Build:
    return lambda scope, by: promql.recorded(record, _SLO_METRICS, scope, by)


SLO_OBJECTIVE = Measure(
    "slo_objective",
    "Objective",
    standard.SLO_OBJECTIVE,
    "The share of events that must be good.",
    "percentunit",
    _recorded(slo.OBJECTIVE),
    Better.NEITHER,
)
SLO_REMAINING = Measure(
    "slo_remaining",
    "Budget left",
    standard.SLO_EVENTS,
    f"What is left of the error budget of the last {slo.PERIOD_DAYS} days; below 0 the objective is missed.",
    "percentunit",
    _recorded(slo.REMAINING),
    Better.HIGHER,
    minimum=None,
    maximum=1.0,
    thresholds=(0.0, 0.25),
)


def slo_burn(window: str, warn: float, alarm: float) -> Measure:
    """How fast the budget burns over a window."""
    return Measure(
        f"slo_burn_{window}",
        f"Burn rate {window}",
        standard.SLO_EVENTS,
        f"How many times as fast as it may the error budget burned in the last {window}; 1 uses it up in "
        f"{slo.PERIOD_DAYS} days.",
        "none",
        _recorded(slo.burn_rate(window)),
        thresholds=(warn, alarm),
        soft_max=1.0,
    )


SLO_BURN_1H = slo_burn("1h", 6.0, 14.4)
SLO_BURN_6H = slo_burn("6h", 3.0, 6.0)
SLO_BURN_3D = slo_burn("3d", 1.0, 3.0)
SLO_EVENTS = Measure(
    "slo_events",
    "Events",
    standard.SLO_EVENTS,
    "Events of the objective in a second, by outcome.",
    "cps",
    _rate(standard.SLO_EVENTS),
    Better.NEITHER,
)

DECLARED: tuple[Measure, ...] = (
    REQUEST_RATE,
    ERROR_RATIO,
    LATENCY_P50,
    LATENCY_P90,
    LATENCY_P99,
    IN_FLIGHT,
    CLIENT_RATE,
    CLIENT_ERROR_RATIO,
    CLIENT_P50,
    CLIENT_P99,
    OPEN_FILES,
    CPU,
    MEMORY,
    UPTIME,
    GC_PAUSE,
    SPANS_DROPPED,
    SERVICES,
    INSTANCES,
    ALIVE,
    SLO_OBJECTIVE,
    SLO_REMAINING,
    SLO_BURN_1H,
    SLO_BURN_6H,
    SLO_BURN_3D,
    SLO_EVENTS,
)
# Read by a measure of another metric, so without a panel of their own.
_COVERED = {measure.metric.name for measure in DECLARED} | {"process_max_fds"}


def default_measure(metric: Metric) -> Measure:
    """A counter's growth in a second, a histogram's p99, a gauge's level."""
    title = _title(metric)
    low, high = metric.domain
    if metric.kind is Kind.COUNTER:
        what, unit, expr = "Growth in a second.", rate_unit(metric), _rate(metric)
        return Measure(metric.name, title, metric, what, unit, expr, metric.better)
    if metric.kind is Kind.HISTOGRAM:
        what, unit, expr = "99 % were no more than this.", level_unit(metric), _quantile(metric, 0.99)
        return Measure(metric.name, f"{title} p99", metric, what, unit, expr, metric.better)
    return Measure(
        metric.name,
        title,
        metric,
        "Sum of all processes.",
        level_unit(metric),
        _level(metric),
        metric.better,
        low,
        high,
    )


def remaining_measures(metrics: tuple[Metric, ...]) -> tuple[Measure, ...]:
    """A default measure for each metric that says how a process is doing and has none declared above.

    Identity and objectives are labels and targets, not measurements.
    """
    skipped = (standard.Role.IDENTITY,)
    return tuple(
        default_measure(metric)
        for metric in metrics
        if metric.name not in _COVERED and metric.role not in skipped and metric.had_by is not standard.ServiceKind.SLO
    )


def _title(metric: Metric) -> str:
    """`python_gc_objects_collected_total` -> `GC objects collected`."""
    words = metric.name.removesuffix("_total").removesuffix("_bytes").removesuffix("_seconds").split("_")
    dropped = {"process", "python", "otel", "sdk"}
    kept = [word for index, word in enumerate(words) if not (index < 3 and word in dropped)] or words
    text = " ".join("GC" if word == "gc" else word for word in kept)
    return text[0].upper() + text[1:]
