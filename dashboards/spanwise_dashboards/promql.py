"""PromQL built from the standard's metrics, so that no board or rule spells a metric name.

An `Expr` carries the metrics it reads and the labels its result has: from them follows which services must have data.
The shapes follow four rules, each with a test on a real Prometheus:

* a ratio over several services is sum over sum, never an average of ratios, in which a small service weighs as much
  as a big one;
* a service without a failed request shows 0, not nothing: `errors or 0 * total`;
* a service without a request has no ratio, rather than 0/0 = NaN, which would poison every sum above it;
* quantiles come from summed buckets; averages of quantiles mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spanwise.standard import Kind, Metric, ServiceKind

# OpenTelemetry semantic conventions: a server's span is an error from status 500 on; a 4xx is its caller's.
SERVER_ERROR = 'http_response_status_code=~"5.."'
# `error_type` is set on failures of every kind: refused, timed out, TLS, and answers that count as errors.
CLIENT_ERROR = 'error_type!=""'
# What rules and alerts are keyed by.
SERVICE = ("deployment_environment_name", "service_name")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series a query looks at (label matchers), over how long (a range such as `5m` or `$__rate_interval`), and
    how far back (`1d`; empty for now)."""

    matchers: tuple[str, ...] = ()
    window: str = "$__rate_interval"
    offset: str = ""

    def selector(self, series: str, *more: str) -> str:
        """The series as they are at one moment."""
        return self._matching(series, more) + self._offset

    def range(self, series: str, *more: str) -> str:
        """The series over the window."""
        return f"{self._matching(series, more)}[{self.window}]{self._offset}"

    def over(self, window: str) -> Scope:
        return replace(self, window=window)

    @property
    def _offset(self) -> str:
        return f" offset {self.offset}" if self.offset else ""

    def _matching(self, series: str, more: tuple[str, ...]) -> str:
        matchers = (*self.matchers, *more)
        return f"{series}{{{', '.join(matchers)}}}" if matchers else series


@dataclass(frozen=True, slots=True)
class Expr:
    """PromQL, the standard's metrics it reads, and the labels of its result (none: one value)."""

    text: str
    metrics: tuple[Metric, ...]
    labels: tuple[str, ...] = ()

    @property
    def needs(self) -> ServiceKind:
        """Which services must have data: those that have every metric the expression reads.

        Raises ValueError where two metrics are had by two different kinds of service, neither of them every one.
        """
        kinds = {metric.had_by for metric in self.metrics} - {ServiceKind.EVERY}
        if len(kinds) > 1:
            names = ", ".join(sorted(metric.name for metric in self.metrics))
            raise ValueError(f"no kind of service has all of {names}")
        return kinds.pop() if kinds else ServiceKind.EVERY


def _sum(inner: str, by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) ({inner})" if by else f"sum({inner})"


def _count_series(metric: Metric) -> str:
    """The series that grows by one for each event: of a histogram its `_count`."""
    return f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name


def rate(metric: Metric, scope: Scope, by: tuple[str, ...] = (), only: str = "") -> Expr:
    """Events a second of a counter or a histogram; `only` is one more matcher."""
    counted = scope.range(_count_series(metric), *filter(None, [only]))
    return Expr(_sum(f"rate({counted})", by), (metric,), by)


def rate_or_zero(metric: Metric, beside: Metric, scope: Scope, by: tuple[str, ...] = (), only: str = "") -> Expr:
    """`rate`, and 0 for each group that `beside` knows but `metric` has not counted yet."""
    part, whole = rate(metric, scope, by, only), rate(beside, scope, by)
    return Expr(f"{part.text} or 0 * {whole.text}", tuple(dict.fromkeys((metric, beside))), by)


def ratio(metric: Metric, bad: str, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """The share of events that match `bad`: traffic-weighted, 0 without any, nothing where nothing happened at all."""
    part, whole = rate_or_zero(metric, metric, scope, by, bad), rate(metric, scope, by)
    return Expr(f"({part.text}) / ({whole.text} > 0)", (metric,), by)


def bucket_rate(metric: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """Events a second up to each bucket's bound `le`."""
    labels = ("le", *by)
    return Expr(_sum(f"rate({scope.range(f'{metric.name}_bucket')})", labels), (metric,), labels)


def quantile(metric: Metric, q: float, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """The q-quantile of a histogram from buckets summed over everything but `by`."""
    return Expr(f"histogram_quantile({q:g}, {bucket_rate(metric, scope, by).text})", (metric,), by)


def buckets(metric: Metric, scope: Scope) -> Expr:
    """Events per bucket over the window, for a heatmap."""
    return Expr(f"sum by (le) (increase({scope.range(f'{metric.name}_bucket')}))", (metric,), ("le",))


def share_of_time(metric: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """Seconds a second that a histogram of seconds has summed up."""
    return Expr(_sum(f"rate({scope.range(f'{metric.name}_sum')})", by), (metric,), by)


def level(metric: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """A gauge, summed."""
    return Expr(_sum(scope.selector(metric.name), by), (metric,), by)


def fraction(used: Metric, limit: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """One gauge as a share of another."""
    text = f"{level(used, scope, by).text} / {level(limit, scope, by).text}"
    return Expr(text, (used, limit), by)


def age(metric: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """Seconds since a gauge that holds a time; of several the youngest."""
    inner = scope.selector(metric.name)
    newest = f"max by ({', '.join(by)}) ({inner})" if by else f"max({inner})"
    return Expr(f"time() - {newest}", (metric,), by)


def count(metric: Metric, scope: Scope, of: str = "") -> Expr:
    """How many series there are, or with `of` how many values that label has."""
    inner = scope.selector(metric.name)
    return Expr(f"count(count by ({of}) ({inner}))" if of else f"count({inner})", (metric,))


def info(metric: Metric, scope: Scope, by: tuple[str, ...]) -> Expr:
    """A metric that is always 1, for its labels."""
    return Expr(f"group by ({', '.join(by)}) ({scope.selector(metric.name)})", (metric,), by)


def highest(expr: Expr, at_least: float | None = None) -> Expr:
    """The highest of all series: the common maximum for equal axes."""
    text = f"max({expr.text})"
    return Expr(text if at_least is None else f"clamp_min({text}, {at_least:g})", expr.metrics)


def without_nan(expr: Expr) -> Expr:
    """Drops NaN, which no comparison is true of: a quantile of no events is not worth recording."""
    return Expr(f"({expr.text}) >= 0", expr.metrics, expr.labels)


def recorded(record: str, metrics: tuple[Metric, ...], scope: Scope, by: tuple[str, ...]) -> Expr:
    """What a rule has recorded, the highest of each group."""
    return Expr(f"max by ({', '.join(by)}) ({scope.selector(record)})", metrics, by)


def rate_where_there_is(metric: Metric, gauge: Metric, scope: Scope, by: tuple[str, ...] = ()) -> Expr:
    """`rate`, and 0 for each group in which `gauge` is there but nothing has been counted yet."""
    text = f"{rate(metric, scope, by).text} or 0 * {level(gauge, scope, by).text}"
    return Expr(text, (metric, gauge), by)


def difference(left: Expr, right: Expr) -> Expr:
    """How much more the right side has than the left."""
    return Expr(f"({right.text}) - ({left.text})", left.metrics, left.labels)


def highest_of_both(left: Expr, right: Expr, at_least: float | None = None) -> Expr:
    """The higher of two single values; the labels keep `or` from taking the left one alone."""
    sides = [f'label_replace({side.text}, "side", "{name}", "", "")' for name, side in (("a", left), ("b", right))]
    return highest(Expr(" or ".join(sides), left.metrics), at_least)


def begins(metric: Metric, scope: Scope, by: tuple[str, ...], ago: str) -> Expr:
    """Label sets that are there now and were not `ago`: the first minutes of a version."""
    before = replace(scope, offset=ago)
    return Expr(f"{info(metric, scope, by).text} unless {info(metric, before, by).text}", (metric,), by)
