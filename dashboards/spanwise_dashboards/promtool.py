"""Promtool's notation for unit tests of rules: series, questions at a time, cases.

Values are written as promtool reads them: `0+60x10 600x20` grows by 60 a minute for ten minutes, then stands still for
twenty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


def text(labels: Mapping[str, str]) -> str:
    """`{a="1", b="2"}`."""
    return "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def series(name: str, labels: Mapping[str, str], values: str) -> Json:
    """One input series, a sample a minute."""
    return {"series": name + text(labels), "values": values}


def returns(expr: str, minute: int, value: float | None) -> Json:
    """The expression comes to one value without labels at that minute, or to nothing."""
    expected = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": expected}


def case(name: str, inputs: Sequence[Json], checks: Sequence[Json], fired: Sequence[Json] = ()) -> Json:
    """One test. `fired` are alerts with all their words."""
    one: Json = {"name": name, "interval": "1m", "input_series": list(inputs), "promql_expr_test": list(checks)}
    return {**one, "alert_rule_test": list(fired)} if fired else one
