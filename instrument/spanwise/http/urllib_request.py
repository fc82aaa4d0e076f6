"""The standard library's `urllib.request`: each hop, through `AbstractHTTPHandler.do_open`."""

from __future__ import annotations

from typing import Any

from spanwise.http.client import ClientRequests

MODULE = "urllib.request"
_MARK = "_spanwise_client"


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `urllib.request`; hooking again only replaces the handler."""
    handler = module.AbstractHTTPHandler
    hooked = hasattr(handler, _MARK)
    setattr(handler, _MARK, client)
    if not hooked:
        _hook(handler)


def _hook(handler: Any) -> None:
    original = handler.do_open

    def do_open(self: Any, http_class: Any, request: Any, **arguments: Any) -> Any:
        call = getattr(handler, _MARK).begin(request.get_method(), request.full_url)
        for name, value in call.headers.items():
            request.add_unredirected_header(name, value)
        try:
            response = original(self, http_class, request, **arguments)
        except BaseException as error:
            call.finish(None, error)
            raise
        call.finish(response.status)
        return response

    handler.do_open = do_open
