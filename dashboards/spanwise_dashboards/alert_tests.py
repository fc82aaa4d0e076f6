"""Tests for promtool, generated with the alerts: each fires when it must, not a tenth before, and ends when it is over.

`promtool test rules prometheus/tests/spanwise_test.yml` runs them where the rules are.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from spanwise import standard
from spanwise_dashboards import alerts, rule_tests, slo
from spanwise_dashboards.alerts import Alert
from spanwise_dashboards.prometheus_metrics import UP
from spanwise_dashboards.promtool import Json, case, returns, series, text

RULES_FROM_TESTS = "../rules/spanwise.yml"
_IDENTITY = {"deployment_environment_name": "test", "service_name": "checkout"}
_INSTANCE = {**_IDENTITY, "instance": "checkout-1:9990", "job": "spanwise"}
_OBJECTIVE = Decimal("0.999")
_EVENTS = 100_000  # a minute, so that a tenth of the burn rate is a whole number of events
_STEP = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Moment:
    """At `minute` the alert fires or does not."""

    minute: int
    fires: bool


def tests_document(grafana_url: str) -> Json:
    """The body of a file for `promtool test rules`."""
    by_name = {alert.name: alert for alert in alerts.alerts()}
    cases = [case for row in slo.BURN_ROWS for case in _burn_cases(row, grafana_url)]
    cases += [
        _absent(by_name[alerts.ABSENT]),
        _level(by_name[alerts.SCRAPE_FAILING], "0x20 1x10", 10, 25, {UP.name: ""}, {"job": "spanwise"}),
        _level(
            by_name[alerts.SPANS_DROPPED],
            "0+60x20 1200x20",
            15,
            30,
            {standard.SPANS_DROPPED.name: ""},
            {"reason": "queue_full"},
        ),
        _level(by_name[alerts.FILES], "95x20 90x10", 18, 25, {"process_open_fds": "", "process_max_fds": "100x30"}, {}),
        _level(
            by_name[alerts.GC],
            "0+7x25 175+5x30",
            20,
            45,
            {f"{standard.PYTHON_GC_PAUSE.name}_sum": ""},
            {"generation": "2"},
        ),
    ]
    return {"rule_files": [RULES_FROM_TESTS], "evaluation_interval": "1m", "tests": [*rule_tests.cases(), *cases]}


def _firing(alert: str, moment: Moment, **labels: str) -> Json:
    """Asks `ALERTS`, the series that Prometheus writes of every alert."""
    matchers = {"alertname": alert, "alertstate": "firing", **labels}
    return returns(f"count(ALERTS{text(matchers)})", moment.minute, 1 if moment.fires else None)


def _burn_cases(row: slo.BurnRow, grafana_url: str) -> list[Json]:
    """At the factor it fires, with its words; a tenth below it does not; after the last bad event it ends."""
    held = slo.seconds(row.holds) // 60 + 5
    over = held + slo.seconds(row.short) // 60 + 2
    window = {"long_window": row.long}
    limit = row.factor
    fires = [_firing(alerts.BURN, moment, **window) for moment in (Moment(held, True), Moment(over, False))]
    quiet = [_firing(alerts.BURN, Moment(minute, False), **window) for minute in (held, over)]
    name = f"budget burn over {row.long}"
    few = _slo_series(Decimal(1), held, over, events=Decimal(alerts.FEWEST_BAD_EVENTS - 1) / held)
    return [
        case(f"{name}: at {limit:f}x", _burning(limit, held, over), fires, [_worded(row, held, grafana_url)]),
        case(f"{name}: not at {limit - _STEP:f}x", _burning(limit - _STEP, held, over), quiet),
        case(f"{name}: not for {alerts.FEWEST_BAD_EVENTS - 1} failures", few, quiet[:1]),
    ]


def _burning(factor: Decimal, held: int, over: int) -> list[Json]:
    return _slo_series(factor * (1 - _OBJECTIVE), held, over)


def _slo_series(bad_share: Decimal, held: int, over: int, events: Decimal = Decimal(_EVENTS)) -> list[Json]:
    """Bad events for `held` minutes, none afterwards; good ones all the time."""
    bad = (events * bad_share).normalize()
    good = (events - bad).normalize()
    rest = over - held + 5
    counter = standard.SLO_EVENTS.name
    labels = {**_INSTANCE, "slo": "availability"}
    return [
        series(standard.SLO_OBJECTIVE.name, labels, f"{_OBJECTIVE}x{held + rest}"),
        series(counter, {**labels, "outcome": "good"}, f"0+{good:f}x{held + rest}"),
        series(counter, {**labels, "outcome": "bad"}, f"0+{bad:f}x{held} {bad * held:f}x{rest}"),
    ]


def _worded(row: slo.BurnRow, minute: int, grafana_url: str) -> Json:
    """The alert as Alertmanager gets it, templates filled in."""
    labels = {**_IDENTITY, "slo": "availability", "severity": row.severity}
    alert = next(one for one in alerts.alerts() if dict(one.labels).get("long_window") == row.long)
    filled = {
        "{{ $labels.service_name }}": "checkout",
        "{{ $labels.slo }}": "availability",
        "{{ $value | humanize }}": f"{row.factor:f}",
        "{{ $labels.deployment_environment_name | urlquery }}": "test",
        "{{ $labels.service_name | urlquery }}": "checkout",
    }
    annotations = {}
    for key, words in alert.annotations(grafana_url).items():
        for template, value in filled.items():
            words = words.replace(template, value)
        annotations[key] = words
    expected = {"exp_labels": {**labels, **dict(alert.labels)}, "exp_annotations": annotations}
    return {"eval_time": f"{minute}m", "alertname": alert.name, "exp_alerts": [expected]}


def _absent(alert: Alert) -> Json:
    """Ten minutes there, fifteen gone, then back. A sample counts for five minutes, then the alert holds for five."""
    inputs = [series(standard.TARGET_INFO.name, _INSTANCE, "1x10 _x20 1x10")]
    moments = (Moment(9, False), Moment(14, False), Moment(25, True), Moment(35, False))
    return case(alert.name, inputs, [_firing(alert.name, moment) for moment in moments])


def _level(alert: Alert, values: str, fires: int, over: int, names: dict[str, str], labels: dict[str, str]) -> Json:
    """Series that are wrong at first and then well; `names` -> their values where they are not `values`."""
    inputs = [series(name, {**_INSTANCE, **labels}, own or values) for name, own in names.items()]
    early = Moment(1, False)
    return case(
        alert.name,
        inputs,
        [_firing(alert.name, moment) for moment in (early, Moment(fires, True), Moment(over, False))],
    )
