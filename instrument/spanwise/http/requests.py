"""The `requests` library: each hop of each session, through `HTTPAdapter.send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanwise.http.client import INSIDE_CALL, Call, ClientRequests

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

MODULE = "requests.adapters"
_MARK = "_spanwise_client"


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `requests.adapters`; hooking again only replaces the handler."""
    adapter: type[HTTPAdapter] = module.HTTPAdapter
    if hasattr(adapter, _MARK):
        setattr(adapter, _MARK, client)
        return
    setattr(adapter, _MARK, client)
    original = adapter.send
    ordinary: Any = _ordinary_headers(module)

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
        # Named, because passing *args and **kwargs on costs ten times as much.
        client: ClientRequests = getattr(adapter, _MARK)
        call = client.begin(request.method or "", request.url or "")
        headers: Any = request.headers
        if call.traceparent and type(headers) is ordinary:
            _put_in_store(call, headers._store)
        else:
            _put(call.headers, headers)
        inside = INSIDE_CALL.set(True)  # urllib3 below must not count it again
        try:
            if more:
                arguments = {"stream": stream, "timeout": timeout, "verify": verify, "cert": cert, "proxies": proxies}
                response = original(self, request, **arguments, **more)
            else:
                response = original(
                    self, request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies
                )
        except BaseException as error:
            client.finish(call, None, error)
            raise
        finally:
            INSIDE_CALL.reset(inside)
        client.finish(call, response.status_code)
        return response

    adapter.send = send  # type: ignore[method-assign]


def _ordinary_headers(module: Any) -> type | None:
    """The class of a request's headers where it keeps them as we know it: (name, value) by lower-case names."""
    kind = getattr(module, "CaseInsensitiveDict", None)
    return kind if kind is not None and isinstance(getattr(kind(), "_store", None), dict) else None


def _put_in_store(call: Call, store: dict[str, tuple[str, str]]) -> None:
    """What `_put` does in a fifth of its time."""
    store.pop("tracestate", None)
    store["traceparent"] = ("traceparent", call.traceparent)
    if call.others:
        for name, value in call.others.items():
            store[name] = (name, value)


def _put(ours: dict[str, str], headers: Any) -> None:
    if "tracestate" in headers and "tracestate" not in ours:
        del headers["tracestate"]  # of the hop before, which a redirect copies
    headers.update(ours)
