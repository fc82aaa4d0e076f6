"""The `urllib3` library, where it is used directly: one call with all its retries, through the pool's `urlopen`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
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
        if INSIDE_CALL.get():  # a method that was looked up outside of the call
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

    pool.urlopen = _Urlopen(original, urlopen)  # type: ignore[assignment]


class _Urlopen:
    """The method as a pool sees it: within a call that is counted already it is the library's own, for passing its
    dozen arguments on costs more than all else that an unsampled call by `requests` pays here."""

    __slots__ = ("_counted", "_original")

    def __init__(self, original: Callable[..., Any], counted: Callable[..., Any]) -> None:
        self._original = original
        self._counted = counted

    def __get__(self, pool: HTTPConnectionPool | None, kind: Any = None) -> Callable[..., Any]:
        if pool is None:
            return self._counted
        return MethodType(self._original if INSIDE_CALL.get() else self._counted, pool)
