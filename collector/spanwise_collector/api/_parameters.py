"""Query parameters: each is a value that reads itself out of a request and describes itself in the OpenAPI document."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from spanwise.settings import parse_duration
from spanwise_collector.api._services import services
from spanwise_collector.query import BadSearchError
from spanwise_collector.query.filter import Attribute, Field, Scope, parse_all, parse_field, patterns_of

Given = Mapping[str, Any]

_LONGEST_NS = 2**63 - 1
_HOUR_NS = 3600 * 10**9
_MOST_FILTERS = 10
_MOST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Parameter:
    """`read` makes a value of the texts that were given, at least one; it raises BadSearchError or BadPatternError.

    Without `repeated` the last text counts, as it always has.
    """

    name: str
    help: str
    schema: Mapping[str, Any]
    read: Callable[[str, Sequence[str]], Any]
    default: Any = None
    repeated: bool = False


def read(parameters: Sequence[Parameter], arguments: MultiDict[str, str]) -> Given:
    """A value for every parameter. Raises BadSearchError, also for what is no parameter."""
    names = {parameter.name for parameter in parameters}
    unknown = sorted(set(arguments) - names)
    if unknown:
        raise BadSearchError(f"{unknown[0][:100]!r} is not a parameter; there are {', '.join(sorted(names))}")
    return {parameter.name: _value(parameter, arguments.getlist(parameter.name)) for parameter in parameters}


def _value(parameter: Parameter, given: Sequence[str]) -> Any:
    texts = [one for one in given if one]
    return parameter.read(parameter.name, texts) if texts else parameter.default


def text(name: str, help_: str) -> Parameter:
    return Parameter(name, help_, {"type": "string"}, lambda _, given: given[-1], "")


def integer(name: str, help_: str, low: int, high: int, default: int | None = None) -> Parameter:
    def parsed(name: str, given: Sequence[str]) -> int:
        last = given[-1]
        if not last.isascii() or not last.isdigit() or len(last) > 19 or not low <= int(last) <= high:
            raise BadSearchError(f"{name}={last[:100]!r} is not a whole number from {low} to {high}")
        return int(last)

    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, help_, schema | ({} if default is None else {"default": default}), parsed, default)


def duration(name: str, help_: str, default_ns: int | None = None, unit_ns: int = 1) -> Parameter:
    """In nanoseconds, or the `unit_ns` that the reader counts in."""

    def parsed(name: str, given: Sequence[str]) -> int:
        try:
            seconds = parse_duration(given[-1])
        except ValueError:
            raise BadSearchError(f"{name}={given[-1][:100]!r} is not a duration such as 250ms, 10s or 5m") from None
        if seconds * 1e9 > _LONGEST_NS:
            raise BadSearchError(f"{name}={given[-1][:100]!r} is longer than 292 years")
        return int(seconds * 1e9) // unit_ns

    return Parameter(name, help_, {"type": "string", "examples": ["250ms"]}, parsed, default_ns)


def choice(name: str, help_: str, choices: Sequence[str]) -> Parameter:
    """The first choice is the default."""

    def parsed(name: str, given: Sequence[str]) -> str:
        if given[-1] not in choices:
            raise BadSearchError(f"{name}={given[-1][:100]!r} is not one of {', '.join(choices)}")
        return given[-1]

    return Parameter(name, help_, {"type": "string", "enum": list(choices), "default": choices[0]}, parsed, choices[0])


def flag(name: str, help_: str, default: bool = False) -> Parameter:
    def parsed(name: str, given: Sequence[str]) -> bool:
        if given[-1].lower() not in ("true", "false"):
            raise BadSearchError(f"{name}={given[-1][:100]!r} is neither true nor false")
        return given[-1].lower() == "true"

    return Parameter(name, help_, {"type": "boolean", "default": default}, parsed, default)


def filters() -> Parameter:
    def checked(name: str, given: Sequence[str]) -> tuple[Any, ...]:
        if len(given) > _MOST_FILTERS:
            raise BadSearchError(f"{name} is given {len(given)} times; at most {_MOST_FILTERS} are allowed")
        parsed = parse_all(given)
        services().patterns.check(patterns_of(parsed))
        return parsed

    help_ = 'What a span must be like, such as `span.http.route = "/albums" and duration > 250ms`; see Filters.'
    return Parameter("filter", help_, {"type": "array", "items": {"type": "string"}}, checked, (), repeated=True)


def fields(name: str, help_: str, default: Sequence[Field] = ()) -> Parameter:
    def parsed(name: str, given: Sequence[str]) -> tuple[Field, ...]:
        if len(given) > _MOST_FIELDS:
            raise BadSearchError(f"{name} is given {len(given)} times; at most {_MOST_FIELDS} are allowed")
        return tuple(_field(name, one) for one in given)

    return Parameter(name, help_, {"type": "array", "items": {"type": "string"}}, parsed, tuple(default), repeated=True)


def _field(name: str, given: str) -> Field:
    found = parse_field(given)
    if isinstance(found, Attribute) and found.scope is Scope.ANY:
        raise BadSearchError(f"{name}={given[:100]!r}: name one scope, such as span.{found.key[:60]}")
    return found


START = integer("start", "Nanoseconds since 1970, included.", 0, _LONGEST_NS)
END = integer("end", "Nanoseconds since 1970, included.", 0, _LONGEST_NS)


def window(given: Given) -> tuple[int, int]:
    """START and END: until now, and of an hour, unless said otherwise. Raises BadSearchError."""
    end_ns = time.time_ns() if given["end"] is None else given["end"]
    start_ns = max(end_ns - _HOUR_NS, 0) if given["start"] is None else given["start"]
    if start_ns > end_ns:
        raise BadSearchError("start is after end")
    return start_ns, end_ns
