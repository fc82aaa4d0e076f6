"""What Jaeger's Monitor tab asks: latencies, call rates and error rates of services over time (`/api/metrics/*`).

Source of the shapes: Jaeger's api_v2/metrics protocol buffers in their JSON mapping; latencies are in milliseconds.
All parameters that are times or durations are milliseconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise_collector.api import services
from spanwise_collector.jaeger._envelope import bad_request, envelope
from spanwise_collector.query import MINUTE_S, BadSearchError, Counts, integer, unix_ns

blueprint = Blueprint("jaeger_metrics", __name__, url_prefix="/api/metrics")
blueprint.register_error_handler(BadSearchError, bad_request)

_HOUR_MS = 3_600_000
_STEP_MS = 5_000
_RATE_MS = 600_000
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
# As many points as Prometheus gives at most.
_MAX_POINTS = 11_000
_LONGEST_MS = 366 * 86_400_000

Value = Callable[[Counts, float], float | None]


@blueprint.get("/minstep")
def least_step() -> ResponseReturnValue:
    return envelope(MINUTE_S * 1000, 0)


@blueprint.get("/latencies")
def latencies() -> ResponseReturnValue:
    quantile = _quantile(request.args.get("quantile", ""))

    def value(counts: Counts, window_s: float) -> float | None:
        found = counts.quantile_s(quantile)
        return None if found is None else found * 1000

    return _family("latencies", f"{quantile:g}th quantile latency, grouped by service", value)


@blueprint.get("/calls")
def call_rates() -> ResponseReturnValue:
    return _family("call_rate", "calls/sec, grouped by service", lambda counts, window_s: counts.calls / window_s)


@blueprint.get("/errors")
def error_rates() -> ResponseReturnValue:
    def value(counts: Counts, window_s: float) -> float | None:
        return min(max(counts.errors / counts.calls, 0.0), 1.0) if counts.calls > 0 else None

    words = "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service"
    return _family("error_rate", words, value)


def _family(name: str, words: str, value: Value) -> ResponseReturnValue:
    """One series for each service, or operation. Raises BadSearchError."""
    by_operation = request.args.get("groupByOperation", "").lower() in ("true", "1", "t")
    ends_s, window_s = _times()
    series = services().minutes.of_services(
        _services(), _span_kinds(), ends_s[0] - window_s - MINUTE_S, ends_s[-1], by_operation=by_operation
    )
    return jsonify(
        name=f"service_{'operation_' if by_operation else ''}{name}",
        type="GAUGE",
        help=f"{words} & operation" if by_operation else words,
        metrics=[
            {
                "labels": _labels(one.service, one.operation, by_operation),
                "metricPoints": [
                    _point(end_s, found)
                    for end_s, counts in one.windows(ends_s, window_s)
                    if (found := value(counts, window_s)) is not None
                ],
            }
            for one in series
        ],
    )


def _labels(service: str, operation: str, by_operation: bool) -> list[dict[str, str]]:
    labels = [{"name": "operation", "value": operation}] if by_operation else []
    return [*labels, {"name": "service_name", "value": service}]


def _point(end_s: int, value: float) -> dict[str, Any]:
    at = datetime.fromtimestamp(end_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"gaugeValue": {"doubleValue": max(value, 0.0)}, "timestamp": at}


def _services() -> list[str]:
    given = [name for name in request.args.getlist("service") if name]
    if not given:
        raise BadSearchError("service is missing: one or more out of /api/services")
    return given


def _span_kinds() -> list[str]:
    """`server`, or `SPAN_KIND_SERVER` as in the protocol buffers; without any, servers."""
    given = [kind.lower().removeprefix("span_kind_") for kind in request.args.getlist("spanKind") if kind]
    unknown = [kind for kind in given if kind not in _KINDS]
    if unknown:
        raise BadSearchError(f"spanKind={unknown[0][:100]!r} is not one of {', '.join(_KINDS)}")
    return given or ["server"]


def _times() -> tuple[Sequence[int], int]:
    """`(ends of the windows in seconds since 1970, length of each)`. Raises BadSearchError."""
    end_s = unix_ns("endTs", request.args.get("endTs", ""), time.time_ns()) // 10**9
    lookback_ms, step_ms, rate_ms = (
        _milliseconds(name, default)
        for name, default in (("lookback", _HOUR_MS), ("step", _STEP_MS), ("ratePer", _RATE_MS))
    )
    if lookback_ms // step_ms > _MAX_POINTS:
        raise BadSearchError(
            f"step={step_ms} makes more than {_MAX_POINTS} points of the lookback: ask for a longer one"
        )
    step_s = step_ms / 1000
    count = math.floor(lookback_ms / step_ms)
    return [math.floor(end_s - step_s * back) for back in range(count, -1, -1)], max(rate_ms // 1000, MINUTE_S)


def _milliseconds(name: str, default: int) -> int:
    given = integer(name, request.args.get(name, ""), default)
    if not 1 <= given <= _LONGEST_MS:
        raise BadSearchError(f"{name}={given} is not from 1 to {_LONGEST_MS} milliseconds")
    return given


def _quantile(given: str) -> float:
    try:
        quantile = float(given)
    except ValueError:
        quantile = math.nan
    if not 0 <= quantile <= 1:
        raise BadSearchError(f"quantile={given[:100]!r} is not a number from 0 to 1, such as 0.95")
    return quantile
