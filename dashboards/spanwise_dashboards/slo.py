"""Error budgets: how fast they burn, for every SLO of every service, by one set of rules.

Services count good and bad events themselves (`slo_events_total`) and say their objective (`slo_objective_ratio`), so
the rules need no list: a new SLO is covered by its first scrape. The burn rate is the share of bad events over a window
divided by the share that the objective allows; at 1 the budget of the period is used up exactly at its end.

Windows and factors: Google's SRE workbook, chapter "Alerting on SLOs", with the fourth row of sloth and
kubernetes-mixin. Ratios over time are sums over sums: an hour of many events weighs more than an hour of few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from spanwise.standard import SLO_EVENTS, SLO_OBJECTIVE
from spanwise_dashboards import promql
from spanwise_dashboards.promql import SERVICE, Expr, Scope

PERIOD_DAYS = 30
PERIOD = f"{PERIOD_DAYS}d"
BY_SLO = (*SERVICE, "slo")
BAD = 'outcome="bad"'
FAST_WINDOWS = ("5m", "30m", "1h")
SLOW_WINDOWS = ("2h", "6h", "1d", "3d")
WINDOWS = (*FAST_WINDOWS, *SLOW_WINDOWS)
# The period is summed up from these, so that it costs one sample for each evaluation and not one for each scrape.
_SUMMED = "2h"
# 1 - 0.999 is 0.0010000000000000009; 1e8 is a power of ten that floating point inverts exactly.
_EXACT = "1e-08"

OBJECTIVE = "slo:objective:ratio"
BUDGET = "slo:error_budget:ratio"
REMAINING = "slo:error_budget:remaining_ratio"


@dataclass(frozen=True, slots=True)
class BurnRow:
    """An alert on one pair of windows: `budget` of the period's budget spent within `long`, still burning in
    `short`."""

    severity: str
    budget: Decimal
    long: str
    short: str
    holds: str  # how long it must be so before it fires

    @property
    def factor(self) -> Decimal:
        """The burn rate that spends `budget` within `long`: exact, 2 % in 1 h of 30 d is 14.4."""
        return (self.budget * PERIOD_DAYS * 24 / hours(self.long)).normalize()


BURN_ROWS = (
    BurnRow("page", Decimal("0.02"), "1h", "5m", "2m"),
    BurnRow("page", Decimal("0.05"), "6h", "30m", "15m"),
    BurnRow("ticket", Decimal("0.10"), "1d", "2h", "1h"),
    BurnRow("ticket", Decimal("0.10"), "3d", "6h", "3h"),
)


def hours(window: str) -> Decimal:
    """`30m` -> 0.5."""
    return Decimal(window[:-1]) * {"m": Decimal(1) / 60, "h": Decimal(1), "d": Decimal(24)}[window[-1]]


def seconds(window: str) -> int:
    return round(hours(window) * 3600)


def events(window: str) -> str:
    """The record of all events a second."""
    return f"slo:events:rate{window}"


def bad_events(window: str) -> str:
    return f"slo:bad_events:rate{window}"


def burn_rate(window: str) -> str:
    return f"slo:error_budget:burn_rate{window}"


def fast_rules() -> list[tuple[str, Expr]]:
    """Record and expression: the objective, the budget, and the windows that pages look at."""
    objective = f"max by ({', '.join(BY_SLO)}) ({SLO_OBJECTIVE.name})"
    return [
        (OBJECTIVE, Expr(objective, (SLO_OBJECTIVE,), BY_SLO)),
        (BUDGET, Expr(f"round(1 - {OBJECTIVE}, {_EXACT})", (SLO_OBJECTIVE,), BY_SLO)),
        *counted(FAST_WINDOWS),
        *(burning(window) for window in FAST_WINDOWS),
    ]


def slow_rules() -> list[tuple[str, Expr]]:
    """Windows of hours and days, and what is left of the period's budget."""
    return [
        *counted(SLOW_WINDOWS),
        *(burning(window) for window in SLOW_WINDOWS),
        (burn_rate(PERIOD), _both(f"{_share(_summed(bad_events(_SUMMED)), _summed(events(_SUMMED)))} / {BUDGET}")),
        (REMAINING, _both(f"1 - {burn_rate(PERIOD)}")),
    ]


def counted(windows: Sequence[str]) -> list[tuple[str, Expr]]:
    """Events and bad events a second, for each window; 0 bad ones where none was counted."""
    rules = []
    for window in windows:
        scope = Scope(window=window)
        rules.append((events(window), promql.rate(SLO_EVENTS, scope, BY_SLO)))
        rules.append((bad_events(window), promql.rate_or_zero(SLO_EVENTS, SLO_EVENTS, scope, BY_SLO, only=BAD)))
    return rules


def burning(window: str) -> tuple[str, Expr]:
    return burn_rate(window), _both(f"{_share(bad_events(window), events(window))} / {BUDGET}")


def _share(bad: str, every: str) -> str:
    """Nothing, rather than 0/0 = NaN, where nothing happened."""
    return f"{bad} / ({every} > 0)"


def _summed(record: str) -> str:
    return f"sum_over_time({record}[{PERIOD}])"


def _both(text: str) -> Expr:
    return Expr(text, (SLO_EVENTS, SLO_OBJECTIVE), BY_SLO)
