"""Grafana's own model as a judge: what a board loses when foundation-sdk reads and writes it, Grafana does not know.

grafana-foundation-sdk 0.0.21 is generated from Grafana's schemas. It adds defaults, which is no fault; an empty object
that comes back filled is one of those.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from spanwise_dashboards.checks.finding import Finding, Json, on_board


def nothing_is_lost(board: Json) -> Iterator[Finding]:
    """Every value that is missing or different afterwards, by its path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it would rather have its own v2 model
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    try:
        back = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield on_board(board, f"Grafana's model cannot read it: {error!r}")
        return
    after = dict(_nodes(back))
    for path, value in _nodes(board):
        if isinstance(value, dict | list):
            if path in after and type(after[path]) is not type(value):
                yield on_board(board, f"Grafana's model reads {path} = {value!r} as {after[path]!r}")
        elif path not in after:
            yield on_board(board, f"Grafana's model does not know {path} (= {value!r})")
        elif after[path] != value:
            yield on_board(board, f"Grafana's model reads {path} = {value!r} as {after[path]!r}")


def _nodes(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a document, containers too, by its path."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _nodes(item, f"{path}/{key}")
