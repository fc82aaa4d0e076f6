"""Whole histograms: their buckets, as counts, shares and sums of shares, in twitter-server's shapes."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from spanwise.admin.histograms import Buckets
from spanwise.admin.messages import Answer, Page, Request, Response, Tier
from spanwise.admin.parameters import choice
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.series import histogram_series
from spanwise.admin.tables import table

_FORMATS = ("raw", "pdf", "cdf")
# Here p99.9 is `p999`, unlike in /admin/metrics.json.
_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}


@route(
    "/admin/histograms",
    title="Histograms",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("h=…", "fmt=raw"),
    example="/admin/histograms?h=python_gc_pause_seconds%2F2&fmt=cdf",
)
def histograms(request: Request) -> Answer:
    """One histogram's buckets: counts (`raw`), shares (`pdf`) or sums of shares (`cdf`); a browser gets it drawn."""
    name = request.parameter("h")
    shape = choice(request, "fmt", "raw", _FORMATS)
    found = _found(request)
    if name is not None and not request.wants_html:
        return json_response({name: _shaped(found[name], shape)} if name in found else {})
    html = _chooser(found, name) + (_drawn(found[name]) if name in found else "")
    return Page("Histograms", "".join(f"{each}\n" for each in sorted(found)), html, sorted(found))


@route(
    "/admin/histograms.json",
    title="Histograms as JSON",
    group=UNLISTED,
    tier=Tier.OPEN,
    parameters=("h=…", "summary", "fmt=raw"),
    example="/admin/histograms.json?h=python_gc_pause_seconds%2F2&summary",
)
def histograms_json(request: Request) -> Response:
    """Every histogram's buckets that are not empty, or of `h` alone; with `summary` its count, sum and percentiles."""
    name = request.parameter("h")
    shape = choice(request, "fmt", "raw", _FORMATS)
    found = _found(request)
    if name is not None:
        if name not in found:
            return json_response({})
        if request.flag("summary"):
            return json_response(_summary(name, found[name]))
        return json_response({name: _shaped(found[name], shape)})
    return json_response({each: _shaped(buckets, shape) for each, buckets in found.items()})


def _found(request: Request) -> dict[str, Buckets]:
    return histogram_series(request.process.registry, request.process.metrics())


def _ranges(buckets: Buckets) -> list[tuple[float, float | None, float]]:
    """Lower limit, upper limit (None: no limit) and count of each bucket that is not empty."""
    found, below, lower = [], 0.0, 0.0
    for upper in sorted(buckets.cumulative):
        inside = buckets.cumulative[upper] - below
        if inside > 0:
            found.append((min(lower, upper), upper if math.isfinite(upper) else None, inside))
        below, lower = buckets.cumulative[upper], upper
    return found


def _shaped(buckets: Buckets, shape: str) -> list[dict[str, Any]]:
    ranges = _ranges(buckets)
    if shape == "raw":
        return [{"lower_limit": low, "upper_limit": high, "count": int(count)} for low, high, count in ranges]
    total = sum(count for _, _, count in ranges)
    shaped, so_far = [], 0.0
    for low, high, count in ranges:
        so_far += count
        share = (so_far if shape == "cdf" else count) / total
        shaped.append({"lower_limit": low, "upper_limit": high, "percentage": share})
    return shaped


def _summary(name: str, buckets: Buckets) -> dict[str, Any]:
    """Without minimum and maximum, which buckets do not know."""
    percentiles = {key: buckets.quantile(share) for key, share in _PERCENTILES.items()}
    return {
        "name": name,
        "count": int(buckets.count),
        "sum": buckets.sum,
        "average": buckets.average,
        "percentiles": percentiles,
    }


def _chooser(found: dict[str, Buckets], name: str | None) -> str:
    options = "".join(
        f"<option{' selected' if each == name else ''}>{escape(each)}</option>"
        for each in sorted(found, key=lambda each: -found[each].count)
    )
    if not options:
        return '<div class="empty"><h2>No histograms yet</h2><p>Durations appear here once there are some.</p></div>'
    return (
        '<form class="card form-row" method="get" action="/admin/histograms">'
        f'<select class="wide-select" name="h" aria-label="Histogram">{options}</select>'
        '<button class="button button-primary" type="submit">Show</button></form>'
    )


def _drawn(buckets: Buckets) -> str:
    ranges = _ranges(buckets)
    total = sum(count for _, _, count in ranges) or 1.0
    most = max((count for _, _, count in ranges), default=1.0)
    rows, so_far = "", 0.0
    for low, high, count in ranges:
        so_far += count
        upper = "∞" if high is None else f"{high:g}"
        rows += (
            f'<tr><td class="number mono">{low:g} – {upper}</td><td class="number">{count:,.0f}</td>'
            f'<td class="number">{count / total:.2%}</td><td class="number">{so_far / total:.2%}</td>'
            f'<td class="bar-cell"><meter min="0" max="{most:g}" value="{count:g}"></meter></td></tr>'
        )
    head = '<th class="number">bucket</th><th class="number">count</th><th class="number">share</th>'
    head += '<th class="number">up to here</th><th class="bar-cell"></th>'
    return table(head, rows)
