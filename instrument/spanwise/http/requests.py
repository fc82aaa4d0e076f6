"""The `requests` library: each hop of each session, through `HTTPAdapter.send`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from time import perf_counter
from types import FunctionType
from typing import TYPE_CHECKING, Any

from spanwise.http.client import INSIDE_CALL, Call, ClientRequests

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

MODULE = "requests.adapters"
_MARK = "_spanwise_client"
# Of `HTTPAdapter.send` in all of 2.x.
_PARAMETERS = ("self", "request", "stream", "timeout", "verify", "cert", "proxies")
_DEFAULTS = (False, None, True, None, None)


class _Hooked:
    """Who handles the calls now; to look it up in the adapter's class would take several times as long."""

    __slots__ = ("client",)

    def __init__(self, client: ClientRequests) -> None:
        self.client = client


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `requests.adapters`; hooking again only replaces the handler."""
    adapter: type[HTTPAdapter] = module.HTTPAdapter
    hooked: _Hooked | None = getattr(adapter, _MARK, None)
    if hooked is not None:
        hooked.client = client
        return
    hooked = _Hooked(client)
    setattr(adapter, _MARK, hooked)
    original = adapter.send
    counted = _counted(original, hooked, _ordinary_headers(module)) if _is_known(original) else _any(original, hooked)
    adapter.send = counted  # type: ignore[method-assign]


def _counted(original: Callable[..., Response], hooked: _Hooked, ordinary: Any) -> Callable[..., Response]:
    """In as few steps as there can be: named parameters, because passing *args and **kwargs on costs several times as
    much, and no object for a call that is not sampled."""
    enter, leave = INSIDE_CALL.set, INSIDE_CALL.reset  # looked up once

    def send(
        self: HTTPAdapter,
        request: PreparedRequest,
        stream: Any = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        client = hooked.client
        method, url, headers = request.method or "", request.url or "", request.headers
        call = client.start(method, url)
        if not isinstance(call, str) or type(headers) is not ordinary:
            call = client.whole(call, method, url)
            return _through(call, original, self, request, (stream, timeout, verify, cert, proxies), {})
        # What `_put` and `_through` do, in fewer steps.
        store: dict[str, tuple[str, str]] = headers._store  # type: ignore[attr-defined]
        if "tracestate" in store:
            del store["tracestate"]  # noqa: RUF051 - a pop takes longer, and it is seldom there
        store["traceparent"] = ("traceparent", call)
        inside = enter(True)
        started = perf_counter()
        try:
            response = original(self, request, stream, timeout, verify, cert, proxies)
        except BaseException as error:
            client.failed(call, method, url, error, perf_counter() - started)
            raise
        finally:
            leave(inside)
        client.answered(call, method, url, response.status_code, perf_counter() - started)
        return response

    return send


def _any(original: Callable[..., Response], hooked: _Hooked) -> Callable[..., Response]:
    """Of another version, or another's wrapper."""

    def send(self: HTTPAdapter, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        call = hooked.client.begin(request.method or "", request.url or "")
        return _through(call, original, self, request, args, kwargs)

    return send


def _through(
    call: Call,
    original: Callable[..., Response],
    adapter: HTTPAdapter,
    request: PreparedRequest,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Response:
    _put(call.headers, request.headers)
    inside = INSIDE_CALL.set(True)  # urllib3 below must not count it again
    try:
        response = original(adapter, request, *args, **kwargs)
    except BaseException as error:
        call.finish(None, error)
        raise
    finally:
        INSIDE_CALL.reset(inside)
    call.finish(response.status_code)
    return response


def _is_known(send: Any) -> bool:
    """Whether it has the parameters of `HTTPAdapter.send`, in their order, and no more."""
    if type(send) is not FunctionType or send.__defaults__ != _DEFAULTS:
        return False
    code = send.__code__
    others = code.co_kwonlyargcount or code.co_posonlyargcount or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    return not others and code.co_varnames[: code.co_argcount] == _PARAMETERS


def _ordinary_headers(module: Any) -> type | None:
    """The class of a request's headers where it keeps them as we know it: (name, value) by lower-case names."""
    kind = getattr(module, "CaseInsensitiveDict", None)
    return kind if kind is not None and isinstance(getattr(kind(), "_store", None), dict) else None


def _put(ours: dict[str, str], headers: Any) -> None:
    if "tracestate" in headers and "tracestate" not in ours:
        del headers["tracestate"]  # of the hop before, which a redirect copies
    headers.update(ours)
