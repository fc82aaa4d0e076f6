"""Which formats of trace context a service understands: OTEL_PROPAGATORS.

W3C's two and B3's two are in the box; any other comes from the package that provides it, by the entry-point group
`opentelemetry_propagator`. What is chosen is also OpenTelemetry's global propagator, for everything that injects or
extracts by its API.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import cast

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spanwise.settings import SettingError
from spanwise.tracing.b3 import B3Multi, B3Single
from spanwise.tracing.sampling import HeadSampling

VARIABLE = "OTEL_PROPAGATORS"
GROUP = "opentelemetry_propagator"
NONE = "none"
_BUILT_IN = ("tracecontext", "baggage", "b3", "b3multi")
_W3C = ({"tracecontext"}, {"tracecontext", "baggage"})
_PACKAGES = {
    "jaeger": "opentelemetry-propagator-jaeger",
    "ottrace": "opentelemetry-propagator-ot-trace",
    "xray": "opentelemetry-propagator-aws-xray",
    "xray-lambda": "opentelemetry-propagator-aws-xray",
}


def is_w3c_only(names: Sequence[str]) -> bool:
    """Whether the request path may read and write W3C's headers by hand."""
    return set(names) in _W3C


def check(names: Sequence[str]) -> None:
    """Raises the SettingError that `install` would, before anything is started."""
    propagator(names, HeadSampling(0.0))


def install(names: Sequence[str], sampling: HeadSampling) -> None:
    """Makes the propagators of these names OpenTelemetry's global one. Raises SettingError."""
    chosen = propagator(names, sampling)
    if is_w3c_only(names):
        return  # OpenTelemetry's own default, unless the service has set another one by its API
    # Imported here and not above: OpenTelemetry's module loads what the variable names, and fails in its own words.
    from opentelemetry.propagate import set_global_textmap

    set_global_textmap(chosen)


def propagator(names: Sequence[str], sampling: HeadSampling) -> TextMapPropagator:
    """All of them as one, in this order. Raises SettingError for one that is neither built in nor installed."""
    if NONE in names:
        return CompositePropagator([])
    return CompositePropagator([_built_in(name, sampling) if name in _BUILT_IN else _installed(name) for name in names])


def _built_in(name: str, sampling: HeadSampling) -> TextMapPropagator:
    if name == "b3":
        return B3Single(sampling)
    if name == "b3multi":
        return B3Multi(sampling)
    return W3CBaggagePropagator() if name == "baggage" else TraceContextTextMapPropagator()


def _installed(name: str) -> TextMapPropagator:
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        package = _PACKAGES.get(name)
        what_to_do = (
            f"install it: pip install {package}"
            if package
            else f"the built-in ones are {', '.join(_BUILT_IN)} and {NONE}"
        )
        raise SettingError(f"{VARIABLE} names {name!r}, for which no package is installed: {what_to_do}.")
    try:
        return cast(TextMapPropagator, found.load()())
    except Exception as error:
        raise SettingError(
            f"{VARIABLE} names {name!r}, which {found.value} cannot provide: {type(error).__name__}: {error}"
        ) from error
