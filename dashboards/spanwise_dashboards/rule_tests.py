"""Tests for promtool of what recording rules make of traffic that misleads: a small service that fails beside a big one
that does not, none that ever failed, none that was asked."""

from __future__ import annotations

from spanwise import standard
from spanwise_dashboards import slo
from spanwise_dashboards.promtool import Json, case, returns, series

_COUNT = f"{standard.HTTP_SERVER_REQUEST_DURATION.name}_count"
_ERRORS = "service:http_server_errors:rate5m"
_REQUESTS = "service:http_server_requests:rate5m"
_RATIO = "service:http_server_errors:ratio_rate5m"
_MINUTES = 60


def cases() -> list[Json]:
    return [_weighted(), _without_errors(), _without_requests(), _budget_without_bad_events()]


def _requests(service: str, status: str, per_minute: int) -> Json:
    labels = {"deployment_environment_name": "test", "service_name": service, "http_response_status_code": status}
    return series(_COUNT, labels, f"0+{per_minute}x{_MINUTES}")


def _weighted() -> Json:
    """60 of 6120 requests failed, which is 0.98 %; the average of the two ratios would say 25 %."""
    inputs = [_requests("small", "200", 60), _requests("small", "500", 60), _requests("big", "200", 6000)]
    fleet = f"round(sum({_ERRORS}) / sum({_REQUESTS}), 0.0001)"
    checks = [returns(fleet, 30, 0.0098), returns(f"round(avg({_RATIO}), 0.01)", 30, 0.25)]
    return case("a ratio over services is weighted by traffic", inputs, checks)


def _without_errors() -> Json:
    checks = [returns(f"sum({record})", 30, 0) for record in (_ERRORS, _RATIO)]
    return case("a service without errors records zero", [_requests("quiet", "200", 60)], checks)


def _without_requests() -> Json:
    checks = [returns(f"sum({_RATIO})", 30, None), returns(f"sum({_REQUESTS})", 30, 0)]
    return case("a service without requests records no ratio", [_requests("idle", "200", 0)], checks)


def _budget_without_bad_events() -> Json:
    labels = {"deployment_environment_name": "test", "service_name": "quiet", "slo": "availability"}
    inputs = [
        series(standard.SLO_OBJECTIVE.name, labels, f"0.99x{_MINUTES}"),
        series(standard.SLO_EVENTS.name, {**labels, "outcome": "good"}, f"0+60x{_MINUTES}"),
    ]
    expected = {slo.REMAINING: 1, slo.burn_rate("5m"): 0, slo.burn_rate("3d"): 0}
    checks = [returns(f"sum({record})", _MINUTES, value) for record, value in expected.items()]
    return case("a budget without bad events is whole", inputs, checks)
