"""The `requests` library: each hop of each session, through `HTTPAdapter.send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanwise.http.client import ClientRequests

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

    def send(self: HTTPAdapter, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        call = getattr(adapter, _MARK).begin(request.method or "", request.url or "")
        if "tracestate" not in call.headers:
            request.headers.pop("tracestate", None)  # of the hop before, which a redirect copies
        request.headers.update(call.headers)
        try:
            with call:  # urllib3 below must not count it again
                response = original(self, request, *args, **kwargs)
        except BaseException as error:
            call.finish(None, error)
            raise
        call.finish(response.status_code)
        return response

    adapter.send = send  # type: ignore[method-assign]
