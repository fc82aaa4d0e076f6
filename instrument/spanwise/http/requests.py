"""The `requests` library: each hop of each session, through `HTTPAdapter.send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanwise.http.client import INSIDE_CALL, ClientRequests

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
        client: ClientRequests = getattr(adapter, _MARK)
        call = client.begin(request.method or "", request.url or "")
        _put(call.headers, request.headers)
        inside = INSIDE_CALL.set(True)  # urllib3 below must not count it again
        try:
            response = original(self, request, *args, **kwargs)
        except BaseException as error:
            client.finish(call, None, error)
            raise
        finally:
            INSIDE_CALL.reset(inside)
        client.finish(call, response.status_code)
        return response

    adapter.send = send  # type: ignore[method-assign]


def _put(ours: dict[str, str], headers: Any) -> None:
    """`headers.update(ours)` of requests' CaseInsensitiveDict in a fifth of its time."""
    known = getattr(headers, "_store", headers)  # (name, value) by lower-case names; somebody else's mapping as it is
    if "tracestate" in known and "tracestate" not in ours:
        del headers["tracestate"]  # of the hop before, which a redirect copies
    if known is headers:
        headers.update(ours)
        return
    for name, value in ours.items():
        known[name.lower()] = (name, value)
