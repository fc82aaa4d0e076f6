"""The `urllib3` library, where it is used directly: one call with all its retries, through the pool's `urlopen`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spanwise.http.client import INSIDE_CALL, ClientRequests

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

MODULE = "urllib3.connectionpool"
_MARK = "_spanwise_client"


def hook(module: Any, client: ClientRequests) -> None:
    """Instruments the imported `urllib3.connectionpool`; hooking again only replaces the handler."""
    pool: type[HTTPConnectionPool] = module.HTTPConnectionPool
    hooked = hasattr(pool, _MARK)
    setattr(pool, _MARK, client)
    if not hooked:
        _hook(pool)


def _hook(pool: type[HTTPConnectionPool]) -> None:
    original = pool.urlopen

    def urlopen(self: HTTPConnectionPool, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
        if INSIDE_CALL.get():  # of requests, or of this function, which calls itself to retry
            return original(self, *args, **kwargs)
        return counted(self, *args, **kwargs)

    def counted(
        self: HTTPConnectionPool,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> BaseHTTPResponse:
        full = url if "://" in url else f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}{url}"
        client: ClientRequests = getattr(pool, _MARK)
        call = client.begin(method, full)
        sent = {**(self.headers if headers is None else headers), **call.headers}
        inside = INSIDE_CALL.set(True)
        try:
            response = original(self, method, url, body, sent, *args, **kwargs)
        except BaseException as error:
            client.finish(call, None, error)
            raise
        finally:
            INSIDE_CALL.reset(inside)
        client.finish(call, response.status)
        return response

    pool.urlopen = urlopen  # type: ignore[method-assign]
