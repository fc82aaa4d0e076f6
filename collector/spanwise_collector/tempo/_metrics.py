"""TraceQL metrics: `GET /api/metrics/query_range` and `/api/metrics/query`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from spanwise_collector.query import BadSearchError, Json, integer
from spanwise_collector.tempo._time import closed_window_ns, duration_ns
from spanwise_collector.tempo._values import label_values
from spanwise_collector.traceql import Exemplar, FoundSeries, Series, TraceQL, parse

MAX_POINTS = 11_000
DEFAULT_EXEMPLARS, MAX_EXEMPLARS = 100, 1000
# A panel has about so many points when its query does not say how far apart they are.
_WANTED_POINTS = 120
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)


def query_range(traceql: TraceQL, arguments: Mapping[str, str]) -> Json:
    """A QueryRangeResponse. Raises TraceQLError, BadSearchError, QueryTimeoutError."""
    start, end = closed_window_ns(arguments)
    step = duration_ns("step", arguments.get("step", "")) or _default_step_ns(end - start)
    first = start - start % step
    steps = -(-(end - first) // step)
    if steps > MAX_POINTS:
        raise BadSearchError(f"step makes {steps} points of this time range; at most {MAX_POINTS} are allowed")
    found = traceql.metrics(parse(arguments.get("q", arguments.get("query", ""))), first, step, steps)
    wanted = min(integer("exemplars", arguments.get("exemplars", ""), DEFAULT_EXEMPLARS), MAX_EXEMPLARS)
    return {
        "series": [
            {
                "labels": label_values(series.labels),
                "samples": [
                    {"timestampMs": str((first + place * step) // 10**6), "value": series.points[place]}
                    for place in sorted(series.points)
                ],
                "exemplars": [_exemplar(one) for one in exemplars],
            }
            for series, exemplars in zip(found.series, _spread(found.series, wanted), strict=True)
        ],
        "metrics": {},
        **_status(found),
    }


def query_instant(traceql: TraceQL, arguments: Mapping[str, str]) -> Json:
    """A QueryInstantResponse, which Grafana decodes strictly: one value for the whole time."""
    start, end = closed_window_ns(arguments)
    found = traceql.metrics(parse(arguments.get("q", arguments.get("query", ""))), start, end - start, 1)
    return {
        "series": [
            {"labels": label_values(series.labels), "value": series.points[0]}
            for series in found.series
            if 0 in series.points
        ],
        "metrics": {},
    }


def _default_step_ns(range_ns: int) -> int:
    wanted_s = range_ns / 10**9 / _WANTED_POINTS
    return next((step for step in _STEPS_S if step >= wanted_s), _STEPS_S[-1]) * 10**9


def _status(found: FoundSeries) -> Json:
    return {"status": "PARTIAL", "message": found.message} if found.message else {"status": "COMPLETE"}


def _spread(series: Iterable[Series], wanted: int) -> Iterator[list[Exemplar]]:
    """As many for each series as for the others, and these evenly over time; values of 0 are not shown by Grafana."""
    all_series = [[one.exemplars[step] for step in sorted(one.exemplars)] for one in series]
    each = max(wanted // max(len(all_series), 1), 1)
    left = wanted
    for exemplars in all_series:
        shown = [one for one in exemplars if one.value]
        count = min(each, left, len(shown))
        left -= count
        yield [shown[place * len(shown) // count] for place in range(count)]


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "labels": [{"key": "trace:id", "value": {"stringValue": exemplar.trace_id}}],
        "value": exemplar.value,
        "timestampMs": str(exemplar.time_ms),
    }
