"""Alerts: one rule for each kind of trouble, for every service at once. Each says what to do, and where to look.

Alertmanager delivers them; `severity` is `page` (now) or `ticket` (in working hours). Every rule has a test for
promtool, generated with it (`alert_tests`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanwise import standard
from spanwise_dashboards import links, promql, slo
from spanwise_dashboards.measures import GC_PAUSE, OPEN_FILES
from spanwise_dashboards.prometheus_metrics import UP
from spanwise_dashboards.promql import SERVICE, Expr, Scope

BURN = "SpanwiseSloBudgetBurn"
ABSENT = "SpanwiseServiceAbsent"
SCRAPE_FAILING = "SpanwiseScrapeFailing"
SPANS_DROPPED = "SpanwiseSpansDropped"
FILES = "SpanwiseFileDescriptorsNearLimit"
GC = "SpanwiseGarbageCollectionHeavy"
# A handful of failures is no trend: without this a service with one request an hour pages at its first failure.
FEWEST_BAD_EVENTS = 5
REMEMBERED = "1h"  # how long a service that is gone is missed
_BY_PROCESS = (*SERVICE, "instance")


@dataclass(frozen=True, slots=True)
class Alert:
    """`expr` returns what is wrong, nothing where all is well. `board` is the path of the board that shows it."""

    name: str
    source: Expr
    holds: str
    severity: str
    summary: str
    description: str
    runbook: str
    board: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def expr(self) -> str:
        return self.source.text

    def to_json(self, grafana_url: str) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.holds,
            "labels": {"severity": self.severity, **dict(self.labels)},
            "annotations": self.annotations(grafana_url),
        }

    def annotations(self, grafana_url: str) -> dict[str, str]:
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook": self.runbook,
            "dashboard": f"{grafana_url}{self.board}",
        }


def alerts() -> tuple[Alert, ...]:
    return (*(_burn(row) for row in slo.BURN_ROWS), _absent(), _scrape_failing(), _dropping(), _files(), _gc())


def burn_expr(row: slo.BurnRow) -> str:
    """Rounded to a hundredth: a burn rate of exactly the factor counts, whatever its last binary digit."""
    parts = [f"round({slo.burn_rate(window)}, 0.01) >= {row.factor:f}" for window in (row.long, row.short)]
    enough = f"{slo.bad_events(row.long)} * {slo.seconds(row.long)} >= {FEWEST_BAD_EVENTS}"
    return " and ".join([*parts, enough])


def _burn(row: slo.BurnRow) -> Alert:
    return Alert(
        BURN,
        Expr(burn_expr(row), (standard.SLO_EVENTS, standard.SLO_OBJECTIVE), slo.BY_SLO),
        row.holds,
        row.severity,
        "{{ $labels.service_name }} spends the error budget of {{ $labels.slo }} too fast",
        f"Over {row.long} the budget burns {{{{ $value | humanize }}}} times as fast as it may; from "
        f"{row.factor:f} times on, "
        f"{row.budget * 100:f} % of the {slo.PERIOD_DAYS} days' budget are gone within {row.long}.",
        "Open the board: is one route, one version or one dependency to blame? Compare with the time before on "
        "Compare. "
        "Roll back a version that came shortly before. When the burning stops, the alert goes within "
        f"{row.short}.",
        _board(links.SLO_UID),
        (("long_window", row.long), ("short_window", row.short)),
    )


def _board(uid: str) -> str:
    return (
        f"/d/{uid}?var-environment={{{{ $labels.deployment_environment_name | urlquery }}}}"
        "&var-service_name={{ $labels.service_name | urlquery }}"
    )


def _absent() -> Alert:
    by = f"group by ({', '.join(SERVICE)})"
    name = standard.TARGET_INFO.name
    return Alert(
        ABSENT,
        Expr(
            f"{by} (last_over_time({name}[{REMEMBERED}])) unless {by} ({name})",
            (standard.TARGET_INFO,),
            SERVICE,
        ),
        "5m",
        "page",
        "{{ $labels.service_name }} is gone",
        f"No instance of it answers scrapes, and {REMEMBERED} ago or less one did.",
        "Did somebody stop it? Then the alert goes by itself within the hour. Otherwise look at its process "
        "manager and last "
        "log lines; a process that lives but is not scraped shows up at `spanwise admin ADDRESS /admin/ping`.",
        _board(links.SERVICE_UID),
    )


def _scrape_failing() -> Alert:
    return Alert(
        SCRAPE_FAILING,
        Expr(f"max by (job, instance) ({UP.name}) == 0", (UP,), ("job", "instance")),
        "5m",
        "ticket",
        "Prometheus cannot scrape {{ $labels.instance }}",
        "The target {{ $labels.instance }} of the job {{ $labels.job }} is known, and does not answer on its "
        "metrics address.",
        "Open Prometheus' page Targets: it shows the error. Refused: the process is down or listens elsewhere; "
        "timed out: it "
        "hangs, look at /admin/threads; 401 or 403: the address is not the open tier of /admin.",
        f"/d/{links.FLEET_UID}",
    )


def _dropping() -> Alert:
    dropped = promql.rate(standard.SPANS_DROPPED, Scope(window="5m"), (*SERVICE, "reason"))
    return Alert(
        SPANS_DROPPED,
        Expr(f"{dropped.text} > 0", dropped.metrics, dropped.labels),
        "10m",
        "ticket",
        "{{ $labels.service_name }} loses spans ({{ $labels.reason }})",
        "{{ $value | humanize }} sampled spans a second are lost before they reach the collector. Requests and "
        "metrics are not "
        "affected; traces have gaps.",
        "Is the collector up, and does it refuse (board Collector: refused, back pressure)? A full queue with a "
        "healthy "
        "collector means too many spans: lower the sampling rate at /admin/tracing.",
        _board(links.RUNTIME_UID),
    )


def _files() -> Alert:
    share = OPEN_FILES.expr(Scope(), _BY_PROCESS)
    return Alert(
        FILES,
        Expr(f"{share.text} > 0.9", share.metrics, share.labels),
        "15m",
        "ticket",
        "{{ $labels.service_name }} runs out of file descriptors",
        "{{ $labels.instance }} has {{ $value | humanizePercentage }} of the file descriptors open that it may have.",
        "A steady rise is a leak: connections or files that are not closed. A plateau near the limit is load: "
        "raise the limit "
        "(ulimit -n) or add an instance.",
        _board(links.RUNTIME_UID),
    )


def _gc() -> Alert:
    share = GC_PAUSE.expr(Scope(window="5m"), _BY_PROCESS)
    return Alert(
        GC,
        Expr(f"{share.text} > 0.1", share.metrics, share.labels),
        "15m",
        "ticket",
        "{{ $labels.service_name }} stands still for garbage collection",
        "{{ $labels.instance }} spends {{ $value | humanizePercentage }} of its time in collections.",
        "Look at memory on the board: is it growing? A heap profile from /admin names what grows. gc.freeze() "
        "after start "
        "helps a large heap that never changes.",
        _board(links.RUNTIME_UID),
    )
