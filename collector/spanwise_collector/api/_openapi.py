"""The OpenAPI 3.1 document of `/api/spanwise/`, made of the routes as they are registered."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Literal, Union, get_args, get_origin

from flask import Blueprint, Flask, Response, current_app
from typing_extensions import NotRequired, get_type_hints, is_typeddict
from werkzeug.routing import Rule

import spanwise
from spanwise_collector.api import _shapes
from spanwise_collector.api._access import access
from spanwise_collector.api._endpoint import declared, described, json_of, with_etag
from spanwise_collector.api._parameters import Parameter
from spanwise_collector.http import Access

blueprint = Blueprint("openapi", __name__, url_prefix="/api/spanwise")

PREFIX = "/api/spanwise/"
_JSON = "application/json"
_PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}
_ERRORS = {
    400: "A parameter or body cannot be used; it is named.",
    401: "A token is needed.",
    403: "The host or origin is not allowed, or the token may not do this.",
    503: "The store is away, or the query took too long; the setting is named. `Retry-After` says when to ask again.",
}


@blueprint.get("/openapi.json")
@declared(answer=_JSON, others={304: "It is what `If-None-Match` says."})
def openapi() -> Response:
    """This document."""
    body = json_of(document(current_app))
    return with_etag(Response(body, mimetype=_JSON), body)


def document(app: Flask) -> dict[str, Any]:
    """Of every route under `/api/spanwise/`."""
    schemas: dict[str, Any] = {}
    _schema(_shapes.Error, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method in sorted(_routes(app), key=lambda found: (found[0].rule, found[1])):
        path = _PLACE.sub(r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spanwise collector",
            "version": spanwise.__version__,
            "description": "Traces, and what they add up to. Filters and shapes: docs/collector-api.md.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token is the password."},
            },
        },
    }


def _routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield rule, method


def _operation(app: Flask, rule: Rule, method: str, schemas: dict[str, Any]) -> dict[str, Any]:
    found = described(app, rule.endpoint)
    places = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(rule.rule)
    ]
    return {
        "operationId": f"{method.lower()}_{rule.endpoint.partition('.')[2]}",
        "summary": found.summary,
        **({"description": found.description} if found.description else {}),
        "parameters": [*places, *(_parameter(parameter) for parameter in found.parameters)],
        **({"requestBody": {"required": True, "content": _content(found.body, schemas)}} if found.body else {}),
        "responses": {
            **_answer(found.answer, schemas),
            **{str(status): _error(status, text) for status, text in (_ERRORS | dict(found.others)).items()},
        },
        "security": _security(access(method, rule.rule)),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.help,
        "schema": dict(parameter.schema),
        **({"style": "form", "explode": True} if parameter.repeated else {}),
    }


def _answer(answer: type | str | None, schemas: dict[str, Any]) -> dict[str, Any]:
    if answer is None:
        return {"204": {"description": "It is done."}}
    text = "The answer." if isinstance(answer, str) else (answer.__doc__ or "The answer.").strip()
    return {"200": {"description": text, "content": _content(answer, schemas)}}


def _content(of: type | str, schemas: dict[str, Any]) -> dict[str, Any]:
    return {of: {}} if isinstance(of, str) else {_JSON: {"schema": _schema(of, schemas)}}


def _error(status: int, text: str) -> dict[str, Any]:
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": text}
    return {"description": text, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _security(asked: Access) -> list[dict[str, list[str]]]:
    """Either way to send a token; none where none is asked for, which is also so without tokens in the settings."""
    return [{}] if asked is Access.OPEN else [{"bearer": []}, {"basic": []}, {}]


def _schema(of: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A type as a JSON Schema; those of TypedDicts go to `schemas`, once."""
    if of in _SCALARS:
        return dict(_SCALARS[of])
    if is_typeddict(of):
        if of.__name__ not in schemas:
            schemas[of.__name__] = {}
            schemas[of.__name__] = _object(of, schemas)
        return {"$ref": f"#/components/schemas/{of.__name__}"}
    origin, arguments = get_origin(of), get_args(of)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one, schemas) for one in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], schemas)}
    raise TypeError(f"{of!r} has no schema yet")


def _object(of: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    members: Mapping[str, Any] = get_type_hints(of, include_extras=True)
    optional = {name for name, member in members.items() if get_origin(member) is NotRequired}
    properties = {
        name: _schema(get_args(member)[0] if name in optional else member, schemas) for name, member in members.items()
    }
    made: dict[str, Any] = {"type": "object"}
    if of.__doc__:
        made["description"] = " ".join(of.__doc__.split())
    return made | {
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
