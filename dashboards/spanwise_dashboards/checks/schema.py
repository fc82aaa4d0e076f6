"""Grafana's own types as a judge: no key it does not know, no value of another type, no word that is not one of its.

`grafana_schema.json` is derived from the npm package `@grafana/schema` by `dashboards/derive_schema.py`. Its JSON
schema is compiled to functions once: a thousand boards are checked in seconds. `required` is not asked for: the types
call every property required that Grafana has a default for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from spanwise_dashboards.checks.finding import Finding, Json, on_board, panels_of

# A path and what is wrong there.
Faults = list[tuple[str, str]]
_Check = Callable[[Any, str], Faults]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
# Keys that Grafana's code reads and its types do not name: the Prometheus data source's annotations
# (grafana, packages/grafana-prometheus/src/annotations.ts) and a panel's links, which are titled differently from a
# board's.
_BESIDE_THE_TYPES = {
    "AnnotationQuery": ("expr", "step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"),
    "DashboardLink": (),
}


def document_fits_grafanas_types(board: Json) -> Iterator[Finding]:
    """One finding for each place that does not fit."""
    yield from (on_board(board, f"{path} {fault}") for path, fault in faults_of_document(board))


def faults_of_document(board: Json) -> Faults:
    plain = {key: value for key, value in board.items() if key != "panels"}
    found = _check_of("dashboard", "Dashboard")(plain, "")
    for index, panel in enumerate(board.get("panels", [])):
        path = f"/panels/{index}"
        if panel.get("type") == "row":
            row = {key: value for key, value in panel.items() if key != "panels"}
            found += _check_of("dashboard", "RowPanel")(row, path)
    for panel in panels_of(board):
        found += _faults_of_panel(panel)
    return found


def _faults_of_panel(panel: Json) -> Faults:
    path = f"/panels[{panel.get('title') or panel.get('id')}]"
    found = _check_of("dashboard", "Panel")(panel, path)
    kind = panel.get("type", "")
    if kind in _document()["panels"]:
        found += _check_of(kind, "All")(
            {
                "options": panel.get("options", {}),
                "custom": panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}),
            },
            path,
        )
    return found


@cache
def _document() -> Json:
    text = files("spanwise_dashboards.checks").joinpath("grafana_schema.json").read_text(encoding="utf-8")
    document: Json = json.loads(text)
    return document


@cache
def _check_of(where: str, name: str) -> _Check:
    """The check for one type: of the dashboard's schema, or `All` of a panel type's (options and custom)."""
    schema = _document()["dashboard"] if where == "dashboard" else _document()["panels"][where]
    compiled: dict[str, _Check] = {}

    def by_reference(reference: str) -> _Check:
        title = reference.rpartition("/")[2]
        if title not in compiled:
            compiled[title] = lambda value, path: compiled[title](value, path)  # for types that hold themselves
            compiled[title] = _compile(schema["definitions"][title], by_reference, _BESIDE_THE_TYPES.get(title, ()))
        return lambda value, path: compiled[title](value, path)

    if name == "All":
        properties = {**schema["properties"]}
        properties.setdefault("custom", {})
        return _compile({**schema, "properties": properties}, by_reference)
    return by_reference(name)


def _compile(schema: Json, by_reference: Callable[[str], _Check], more: tuple[str, ...] = ()) -> _Check:
    if "$ref" in schema:
        return by_reference(schema["$ref"])
    if "anyOf" in schema:
        return _any_of([_compile(option, by_reference) for option in schema["anyOf"]])
    checks: list[_Check] = []
    if "type" in schema:
        checks.append(_type(schema["type"]))
    if "const" in schema:
        checks.append(_one_of([schema["const"]]))
    if "enum" in schema:
        checks.append(_one_of(schema["enum"]))
    if "properties" in schema or "additionalProperties" in schema:
        checks.append(_object(schema, by_reference, more))
    if isinstance(schema.get("items"), dict):
        checks.append(_items(_compile(schema["items"], by_reference)))
    return checks[0] if len(checks) == 1 else _in_turn(checks)


def _in_turn(checks: list[_Check]) -> _Check:
    """The faults of the first check that finds some: a value of the wrong type need not be looked into."""

    def check(value: Any, path: str) -> Faults:
        for one in checks:
            found = one(value, path)
            if found:
                return found
        return []

    return check


def _type(names: str | list[str]) -> _Check:
    listed = [names] if isinstance(names, str) else names
    types = tuple(kind for name in listed for kind in _TYPES[name])
    wanted = " or ".join(listed)

    def check(value: Any, path: str) -> Faults:
        sound = isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
        return [] if sound else [(path, f"is {_shown(value)}, not {wanted}")]

    return check


def _one_of(allowed: list[Any]) -> _Check:
    def check(value: Any, path: str) -> Faults:
        return [] if value in allowed else [(path, f"is {_shown(value)}, not one of {', '.join(map(str, allowed))}")]

    return check


def _items(item: _Check) -> _Check:
    def check(value: Any, path: str) -> Faults:
        if not isinstance(value, list):
            return []
        return [fault for index, one in enumerate(value) for fault in item(one, f"{path}/{index}")]

    return check


def _object(schema: Json, by_reference: Callable[[str], _Check], more: tuple[str, ...]) -> _Check:
    properties = {key: _compile(inner, by_reference) for key, inner in schema.get("properties", {}).items()}
    others = schema.get("additionalProperties", True)
    rest = _compile(others, by_reference) if isinstance(others, dict) and others else None

    def check(value: Any, path: str) -> Faults:
        if not isinstance(value, dict):
            return []
        found: Faults = []
        for key, inner in value.items():
            known = properties.get(key)
            if known is not None:
                found += known(inner, f"{path}/{key}")
            elif rest is not None:
                found += rest(inner, f"{path}/{key}")
            elif others is False and key not in more:
                found.append((f"{path}/{key}", "is not known to Grafana"))
        return found

    return check


def _any_of(options: list[_Check]) -> _Check:
    """The faults of the option that fits best."""

    def check(value: Any, path: str) -> Faults:
        best: Faults | None = None
        for option in options:
            found = option(value, path)
            if not found:
                return []
            if best is None or len(found) < len(best):
                best = found
        return best or []

    return check


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
