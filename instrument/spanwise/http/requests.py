"""The `requests` library: each hop of each session, through `HTTPAdapter.send`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spanwise.http.client import INSIDE_CALL, ClientRequests

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

MODULE = "requests.adapters"
_MARK = "_spanwise_client"
_PARAMETERS = ("self", "request", "stream", "timeout", "verify", "cert", "proxies")  # in all of 2.x


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `requests.adapters`; hooking again only replaces the handler."""
    adapter: type[HTTPAdapter] = module.HTTPAdapter
    hooked = hasattr(adapter, _MARK)
    setattr(adapter, _MARK, client)
    if not hooked:
        adapter.send = _counted(adapter, _ordinary_headers(module))  # type: ignore[method-assign]


def _counted(adapter: type[HTTPAdapter], ordinary: Any) -> Callable[..., Response]:
    original: Callable[..., Response] = adapter.send
    in_order = _takes_in_order(original)

    def send(
        self: HTTPAdapter,
        request: PreparedRequest,
        stream: Any = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
        **more: Any,  # of a later version
    ) -> Response:
        # Named, because passing *args and **kwargs on costs several times as much.
        client: ClientRequests = getattr(adapter, _MARK)
        call = client.begin(request.method or "", request.url or "")
        headers: Any = request.headers
        if call.traceparent and type(headers) is ordinary:
            # What `_put` does, in fewer steps.
            store: dict[str, tuple[str, str]] = headers._store
            store.pop("tracestate", None)
            store["traceparent"] = ("traceparent", call.traceparent)
            if call.others:
                store.update({name: (name, value) for name, value in call.others.items()})
        else:
            _put(call.headers, headers)
        inside = INSIDE_CALL.set(True)  # urllib3 below must not count it again
        try:
            if in_order and not more:
                response = original(self, request, stream, timeout, verify, cert, proxies)
            else:
                arguments = {"stream": stream, "timeout": timeout, "verify": verify, "cert": cert, "proxies": proxies}
                response = original(self, request, **arguments, **more)
        except BaseException as error:
            client.finish(call, None, error)
            raise
        finally:
            INSIDE_CALL.reset(inside)
        client.finish(call, response.status_code)
        return response

    return send


def _takes_in_order(send: Any) -> bool:
    """Whether it takes the parameters of `HTTPAdapter.send` in their order, which another's wrapper need not."""
    code = getattr(send, "__code__", None)
    return code is not None and code.co_varnames[: min(code.co_argcount, len(_PARAMETERS))] == _PARAMETERS


def _ordinary_headers(module: Any) -> type | None:
    """The class of a request's headers where it keeps them as we know it: (name, value) by lower-case names."""
    kind = getattr(module, "CaseInsensitiveDict", None)
    return kind if kind is not None and isinstance(getattr(kind(), "_store", None), dict) else None


def _put(ours: dict[str, str], headers: Any) -> None:
    if "tracestate" in headers and "tracestate" not in ours:
        del headers["tracestate"]  # of the hop before, which a redirect copies
    headers.update(ours)
