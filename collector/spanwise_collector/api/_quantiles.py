"""The parameter that says which quantiles are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from spanwise_collector.api._parameters import Parameter
from spanwise_collector.query import BadSearchError

_MOST = 10
_DEFAULT = (0.5, 0.95, 0.99)


def quantiles() -> Parameter:
    """`quantiles=0.5,0.99` -> `(0.5, 0.99)`."""
    help_ = f"Which quantiles of the durations, separated by commas; {', '.join(map(str, _DEFAULT))} if not given."
    return Parameter("quantiles", help_, {"type": "string", "examples": ["0.5,0.99"]}, _parsed, _DEFAULT)


def _parsed(name: str, given: Sequence[str]) -> tuple[float, ...]:
    texts = given[-1].split(",")
    try:
        found = tuple(float(one) for one in texts)
    except ValueError:
        found = ()
    if not found or len(found) > _MOST or not all(0 <= one <= 1 for one in found):
        raise BadSearchError(f"{name}={given[-1][:100]!r} is not a list of at most {_MOST} numbers from 0 to 1")
    return found
