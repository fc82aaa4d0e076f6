"""The `httpx` library, sync and async: each hop, through the transports that talk to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanwise.http.client import ClientRequests

if TYPE_CHECKING:
    from httpx import AsyncHTTPTransport, HTTPTransport, Request, Response

MODULE = "httpx"
_MARK = "_spanwise_client"


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `httpx`; hooking again only replaces the handler."""
    for transport, wrap in ((module.HTTPTransport, _hook_sync), (module.AsyncHTTPTransport, _hook_async)):
        hooked = hasattr(transport, _MARK)
        setattr(transport, _MARK, client)
        if not hooked:
            wrap(transport)


def _hook_sync(transport: type[HTTPTransport]) -> None:
    original = transport.handle_request

    def handle_request(self: HTTPTransport, request: Request) -> Response:
        call = getattr(transport, _MARK).begin(request.method, str(request.url))
        request.headers.update(call.headers)
        try:
            response = original(self, request)
        except BaseException as error:
            call.finish(None, error)
            raise
        call.finish(response.status_code)
        return response

    transport.handle_request = handle_request  # type: ignore[method-assign]


def _hook_async(transport: type[AsyncHTTPTransport]) -> None:
    original = transport.handle_async_request

    async def handle_async_request(self: AsyncHTTPTransport, request: Request) -> Response:
        call = getattr(transport, _MARK).begin(request.method, str(request.url))
        request.headers.update(call.headers)
        try:
            response = await original(self, request)
        except BaseException as error:
            call.finish(None, error)
            raise
        call.finish(response.status_code)
        return response

    transport.handle_async_request = handle_async_request  # type: ignore[method-assign]
