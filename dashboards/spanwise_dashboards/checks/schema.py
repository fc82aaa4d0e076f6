"""Grafana's own types as a judge: no key it does not know, no value of another type, no word that is not one of its.

`grafana_schema.json` is derived from the npm package `@grafana/schema` by `dashboards/derive_schema.py`. Its JSON
schema is compiled to functions once: a thousand boards are checked in seconds. What fits costs no more than the look at
it: paths are put together where a fault is on its way up. `required` is not asked for: the types call every property
required that Grafana has a default for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from spanwise_dashboards.checks.finding import Finding, Json, on_board, panels_of

# A path and what is wrong there; in a check, the path below what it looks at.
Faults = Sequence[tuple[str, str]]
_Check = Callable[[Any], Faults]
_FITS: Faults = ()
_MOST_REMEMBERED = 5000
_REMEMBERED = ("FieldConfigSource", "GridPos")
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


def faults_of_document(board: Json) -> list[tuple[str, str]]:
    plain = {key: value for key, value in board.items() if key != "panels"}
    found = list(_check_of("dashboard", "Dashboard")(plain))
    for index, panel in enumerate(board.get("panels", [])):
        if panel.get("type") == "row":
            row = {key: value for key, value in panel.items() if key != "panels"}
            found += _below(f"/panels/{index}", _check_of("dashboard", "RowPanel")(row))
    for panel in panels_of(board):
        found += _below(f"/panels[{panel.get('title') or panel.get('id')}]", _faults_of_panel(panel))
    return found


def _below(place: str, faults: Faults) -> Faults:
    """The faults as they are called one level up."""
    return [(place + path, fault) for path, fault in faults]


def _faults_of_panel(panel: Json) -> Faults:
    found = _check_of("dashboard", "Panel")(panel)
    kind = panel.get("type", "")
    if kind in _document()["panels"]:
        own = {
            "options": panel.get("options", {}),
            "custom": panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}),
        }
        return [*found, *_check_of(kind, "All")(own)]
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
            compiled[title] = lambda value: compiled[title](value)  # for types that hold themselves
            check = _compile(schema["definitions"][title], by_reference, _BESIDE_THE_TYPES.get(title, ()))
            compiled[title] = _remembering(check) if title in _REMEMBERED else check
        return compiled[title]

    if name == "All":
        properties = {**schema["properties"]}
        properties.setdefault("custom", {})
        return _remembering(_compile({**schema, "properties": properties}, by_reference))
    return by_reference(name)


def _remembering(check: _Check) -> _Check:
    """The check, and what it has found to fit: panels of one kind differ in a few places only, and a text is made and
    found faster than it is looked at."""
    fitting: set[str] = set()

    def remember(value: Any) -> Faults:
        text = json.dumps(value)
        if text in fitting:
            return _FITS
        found = check(value)
        if not found and len(fitting) < _MOST_REMEMBERED:
            fitting.add(text)
        return found

    return remember


def _compile(schema: Json, by_reference: Callable[[str], _Check], more: tuple[str, ...] = ()) -> _Check:
    if "$ref" in schema:
        return by_reference(schema["$ref"])
    if "anyOf" in schema:
        words = [
            option["const"] for option in schema["anyOf"] if set(option) <= {"const", "type"} and "const" in option
        ]
        if len(words) == len(schema["anyOf"]):
            return _one_of(words)
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

    def check(value: Any) -> Faults:
        for one in checks:
            found = one(value)
            if found:
                return found
        return _FITS

    return check


def _type(names: str | list[str]) -> _Check:
    listed = [names] if isinstance(names, str) else names
    types = frozenset(kind for name in listed for kind in _TYPES[name])
    wanted = " or ".join(listed)

    def check(value: Any) -> Faults:
        # By identity: JSON has no types of its own, and True is no number.
        return _FITS if type(value) in types else [("", f"is {_shown(value)}, not {wanted}")]

    return check


def _one_of(allowed: list[Any]) -> _Check:
    def check(value: Any) -> Faults:
        return _FITS if value in allowed else [("", f"is {_shown(value)}, not one of {', '.join(map(str, allowed))}")]

    return check


def _items(item: _Check) -> _Check:
    def check(value: Any) -> Faults:
        if type(value) is not list:
            return _FITS
        found: list[tuple[str, str]] = []
        for index, one in enumerate(value):
            faults = item(one)
            if faults:
                found += _below(f"/{index}", faults)
        return found

    return check


def _object(schema: Json, by_reference: Callable[[str], _Check], more: tuple[str, ...]) -> _Check:
    properties = {key: _compile(inner, by_reference) for key, inner in schema.get("properties", {}).items()}
    others = schema.get("additionalProperties", True)
    rest: _Check = (lambda _: [("", "is not known to Grafana")]) if others is False else (lambda _: _FITS)
    if isinstance(others, dict) and others:
        rest = _compile(others, by_reference)
    properties.update(dict.fromkeys(more, lambda _: _FITS))
    check_of = properties.get

    def check(value: Any) -> Faults:
        if type(value) is not dict:
            return _FITS
        found: list[tuple[str, str]] = []
        for key, inner in value.items():
            faults = check_of(key, rest)(inner)
            if faults:
                found += _below(f"/{key}", faults)
        return found

    return check


def _any_of(options: list[_Check]) -> _Check:
    """The faults of the option that fits best."""

    def check(value: Any) -> Faults:
        best: Faults | None = None
        for option in options:
            found = option(value)
            if not found:
                return _FITS
            if best is None or len(found) < len(best):
                best = found
        return best or _FITS

    return check


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
