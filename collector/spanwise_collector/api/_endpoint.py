"""An endpoint of our own API: parameters in, a JSON object out, which also says which queries ran for it.

What is declared here is what the request is checked against and what the OpenAPI document is made of.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue

from spanwise_collector.api._parameters import Given, Parameter, flag, read
from spanwise_collector.query import Json
from spanwise_collector.store import current

SQL = flag("sql", "Whether the answer also has the text of the queries that ran for it.")
_ATTRIBUTE = "spanwise_endpoint"
View = TypeVar("View", bound=Callable[..., Any])
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answer` is the TypedDict of the answer, or the media type of one that is not JSON; None is a 204. `body` is the
    same of what is sent. `others` says, by status, what else may be answered.
    """

    summary: str
    description: str
    answer: type | str | None
    parameters: tuple[Parameter, ...] = ()
    others: Mapping[int, str] = field(default_factory=dict)
    body: type | str | None = None


class NotFoundError(Exception):
    """There is no such thing. One line that says why it may not be."""


def endpoint(
    blueprint: Blueprint,
    path: str,
    *,
    answer: type | str,
    parameters: Sequence[Parameter] = (),
    methods: Sequence[str] = ("GET",),
    others: Mapping[int, str] | None = None,
) -> Callable[[Callable[..., Json | Response]], Callable[..., Json | Response]]:
    """Registers a function `(given, **path_parameters) -> answer`; its docstring is the description."""

    def register(function: Callable[..., Json | Response]) -> Callable[..., Json | Response]:
        described = Endpoint(*_words(function), answer, (*parameters, SQL), others or {})

        def view(**path_parameters: str) -> ResponseReturnValue:
            given = read(described.parameters, request.args)
            made = function(given, **path_parameters)
            return made if isinstance(made, Response) else answered(made, given)

        setattr(view, _ATTRIBUTE, described)
        blueprint.add_url_rule(path, function.__name__, view, methods=list(methods))
        return function

    return register


def declared(
    *,
    answer: type | str | None,
    parameters: Sequence[Parameter] = (),
    others: Mapping[int, str] | None = None,
    body: type | str | None = None,
) -> Callable[[View], View]:
    """For a view that reads its request itself: says in the OpenAPI document what it takes and answers."""

    def register(view: View) -> View:
        made = Endpoint(*_words(view), answer, tuple(parameters), others or {}, body)
        setattr(view, _ATTRIBUTE, made)
        return view

    return register


def _words(function: Callable[..., Any]) -> tuple[str, str]:
    """`(summary, description)` out of a docstring."""
    summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n")
    return summary, description.strip()


def described(app: Flask, name: str) -> Endpoint:
    """What the view of this name was declared with. Raises AttributeError for one that was not."""
    found: Endpoint = getattr(app.view_functions[name], _ATTRIBUTE)
    return found


def answered(body: Json, given: Given) -> Response:
    return json_response(json_of({**body, "queries": queries(given)}) + b"\n")


def json_response(body: bytes) -> Response:
    return Response(body, mimetype="application/json")


def with_etag(response: Response, of: bytes) -> Response:
    """Weak, for what is said of the queries differs each time."""
    response.set_etag(hashlib.sha256(of).hexdigest()[:32], weak=True)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request.environ)
    return response


def queries(given: Given) -> list[Json]:
    """Those that ran for this request, and what they cost."""
    asking = current()
    return [
        {"name": ran.name, "duration_ms": round(ran.duration_s * 1000, 3), "row_count": ran.row_count}
        | ({"sql": ran.sql} if given["sql"] else {})
        for ran in (asking.ran if asking is not None else ())
    ]


def no_such_trace(trace_id: str) -> NotFoundError:
    return NotFoundError(f"there is no trace {trace_id}: it was not sent, or it is older than the retention")


def json_of(value: Any) -> bytes:
    """As `jsonify` writes it, at twice its speed."""
    return _ENCODE(value).encode()
