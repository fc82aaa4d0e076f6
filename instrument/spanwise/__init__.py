"""Spanwise: metrics, sampled spans and an /admin interface for a Python service, in one line.

    import spanwise
    spanwise.instrument(app, service="checkout", owner="team-payments")

Importing this package opens no socket, starts no thread and writes nothing; its names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanwise import admin as admin
    from spanwise.health import liveness as liveness
    from spanwise.health import readiness as readiness
    from spanwise.health import warmup as warmup
    from spanwise.lint import lint_rule as lint_rule
    from spanwise.metrics import counter as counter
    from spanwise.metrics import gauge as gauge
    from spanwise.metrics import histogram as histogram
    from spanwise.objectives import slo as slo
    from spanwise.profiling.locks import track_locks as track_locks
    from spanwise.service import Instrumentation as Instrumentation
    from spanwise.service import instrument as instrument
    from spanwise.tasks import task as task
    from spanwise.toggles import toggle as toggle
    from spanwise.tracing.own_spans import span as span

__version__ = "0.1.0"

_HOME = {
    "Instrumentation": "spanwise.service",
    "counter": "spanwise.metrics",
    "gauge": "spanwise.metrics",
    "histogram": "spanwise.metrics",
    "instrument": "spanwise.service",
    "lint_rule": "spanwise.lint",
    "liveness": "spanwise.health",
    "readiness": "spanwise.health",
    "slo": "spanwise.objectives",
    "toggle": "spanwise.toggles",
    "warmup": "spanwise.health",
    "span": "spanwise.tracing.own_spans",
    "task": "spanwise.tasks",
    "track_locks": "spanwise.profiling.locks",
}


def __getattr__(name: str) -> Any:
    if name == "admin":
        return import_module("spanwise.admin")
    if name not in _HOME:
        raise AttributeError(f"module 'spanwise' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value
