"""Recording and alerting rules: one set for all services, keyed by environment and service; a new service is covered at
once.

Names follow Prometheus' convention `level:metric:operations`. The windows are 5 minutes: four scrapes fit even at the
longest scrape interval that `generate` accepts, and burn-rate alerts start from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spanwise.standard import HTTP_CLIENT_REQUEST_DURATION, HTTP_SERVER_REQUEST_DURATION, Metric, ServiceKind
from spanwise_dashboards import promql, slo
from spanwise_dashboards.promql import SERVICE, Expr, Scope
from spanwise_dashboards.provisioning import duration

WINDOW = "5m"
MAX_SCRAPE_INTERVAL_S = 60.0  # a rate wants four samples in its window
QUANTILES = (0.5, 0.9, 0.99)
# Prometheus looks back 5 minutes for a sample: rules that are evaluated more rarely would come and go.
MAX_SLOW_INTERVAL_S = 120.0
SLOW_FACTOR = 8  # rules over hours need no new value at each scrape


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """`record` is the new series, `source` what it holds. `needs`: every service of this kind must have data.

    `labels` always holds `service_name`: one series or more for each such service. `added` are labels that the rule
    writes itself, where the expression has none.
    """

    record: str
    source: Expr
    added: dict[str, str] = field(default_factory=dict)

    @property
    def expr(self) -> str:
        return self.source.text

    @property
    def needs(self) -> ServiceKind:
        return self.source.needs

    @property
    def labels(self) -> tuple[str, ...]:
        return self.source.labels

    def to_json(self) -> dict[str, Any]:
        labels = {"labels": dict(self.added)} if self.added else {}
        return {"record": self.record, "expr": self.expr, **labels}


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that Prometheus evaluates one after the other, at one time; `slow` ones look hours back."""

    name: str
    rules: tuple[RecordingRule, ...]
    slow: bool = False


def rule_groups() -> tuple[RuleGroup, ...]:
    """Every group of recording rules."""
    server, client = HTTP_SERVER_REQUEST_DURATION, HTTP_CLIENT_REQUEST_DURATION
    return (
        RuleGroup("spanwise_http_server", _requests("service", server, promql.SERVER_ERROR, SERVICE)),
        RuleGroup(
            "spanwise_http_client",
            _requests("service_server", client, promql.CLIENT_ERROR, (*SERVICE, "server_address")),
        ),
        RuleGroup("spanwise_slo", tuple(_recorded(slo.fast_rules()))),
        RuleGroup("spanwise_slo_long", tuple(_recorded(slo.slow_rules())), slow=True),
    )


def _recorded(rules: Sequence[tuple[str, Expr]]) -> list[RecordingRule]:
    return [RecordingRule(record, source) for record, source in rules]


def recording_rules() -> tuple[RecordingRule, ...]:
    """Every recording rule, in the order of evaluation."""
    return tuple(rule for group in rule_groups() for rule in group.rules)


def rules_document(
    alerts: Sequence[dict[str, Any]], declared: Sequence[RuleGroup] = (), interval_s: float = 15.0
) -> dict[str, Any]:
    """The body of a Prometheus rule file. `alerts` are rules as Prometheus reads them, `declared` groups go first:
    what they record is read by the others. `interval_s` is how often Prometheus evaluates rules."""
    slow = min(max(interval_s, SLOW_FACTOR * interval_s), MAX_SLOW_INTERVAL_S)
    groups: list[dict[str, Any]] = []
    for group in (*declared, *rule_groups()):
        interval = {"interval": duration(slow)} if group.slow else {}
        groups.append({"name": group.name, **interval, "rules": [rule.to_json() for rule in group.rules]})
    return {"groups": [*groups, {"name": "spanwise_alerts", "rules": list(alerts)}]}


def _requests(level: str, metric: Metric, error: str, by: tuple[str, ...]) -> tuple[RecordingRule, ...]:
    """Rate, errors and duration of one histogram of requests, and its buckets to build other quantiles from."""
    scope = Scope(window=WINDOW)
    events = metric.name.removesuffix("_request_duration_seconds")
    rules = [
        RecordingRule(f"{level}:{events}_requests:rate{WINDOW}", promql.rate(metric, scope, by)),
        RecordingRule(
            f"{level}:{events}_errors:rate{WINDOW}", promql.rate_or_zero(metric, metric, scope, by, only=error)
        ),
        RecordingRule(f"{level}:{events}_errors:ratio_rate{WINDOW}", promql.ratio(metric, error, scope, by)),
        RecordingRule(f"{level}:{metric.name}_bucket:rate{WINDOW}", promql.bucket_rate(metric, scope, by)),
    ]
    rules += [
        RecordingRule(
            f"{level}:{metric.name}:p{q * 100:g}_rate{WINDOW}",
            promql.without_nan(promql.quantile(metric, q, scope, by)),
        )
        for q in QUANTILES
    ]
    return tuple(rules)
