"""One request at an ASGI application, read as slowly as the test likes: the contract's `Exchange` for ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

from opentelemetry import trace

from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.http_contract import Exchange, HttpServerContract

_STEP_S = 10


def scope_of(method: str, path: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    sent = {"host": "shop.test:8080", **{name.lower().replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("10.1.2.3", 5000),
        "server": ("localhost", 8080),
    }


class AsgiExchange(Exchange):
    """The application's task runs only while this is asked for something, and no further than asked."""

    def __init__(self, app: Any, scope: dict[str, Any]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._wanted = asyncio.Semaphore(0)
        self._gone = asyncio.Event()
        self._requested = False
        self._over = False
        self._given = False
        self._bodiless = scope["method"] == "HEAD"  # what a server leaves away
        self._task = self._loop.create_task(app(scope, self._receive, self._send))
        self._next()

    async def _receive(self) -> dict[str, Any]:
        if self._requested:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._requested = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        self._messages.put_nowait(message)
        if message["type"] == "http.response.body" and message.get("more_body", False):
            await self._wanted.acquire()

    def _next(self) -> bytes:
        """Runs up to the next piece of the body. Raises StopIteration at its end, or what the application raised."""

        async def step() -> Any:
            getting = asyncio.ensure_future(self._messages.get())
            await asyncio.wait({getting, self._task}, timeout=_STEP_S, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            getting.cancel()
            return None

        while True:
            message = self._loop.run_until_complete(step())
            if message is None:
                self._over = True
                self._finish()
                raise StopIteration
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                return b""
            if message.get("body") and not self._bodiless:
                return bytes(message["body"])
            if message.get("more_body", False):
                self._wanted.release()

    def _finish(self) -> None:
        """The application's own end; raises what it raised."""
        if not self._task.done():
            self._loop.run_until_complete(asyncio.wait({self._task}, timeout=_STEP_S))
        error = None if self._task.cancelled() else self._task.exception()
        self._shut()
        if error is not None:
            raise error

    def chunk(self) -> bytes:
        if self._given:
            self._wanted.release()
        self._given = True
        return self._next()

    def read(self) -> bytes:
        pieces = []
        while not self._over:
            try:
                pieces.append(self.chunk())
            except StopIteration:
                break
        return b"".join(pieces)

    def close(self) -> None:
        """What a server does when the client is gone: says so, and cancels what does not end by itself."""
        if self._loop.is_closed():
            return
        self._gone.set()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._shut()
        gc.collect()  # a framework may leave a generator that was cancelled in a thread to the collector

    def _shut(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def __del__(self) -> None:
        self.close()


class AsgiContract(HttpServerContract):
    """The contract, for applications that speak ASGI."""

    # There is nothing to drop: a server holds the application's task until it ends or is cancelled.
    test_a_body_dropped_without_a_word_is_counted = None  # type: ignore[assignment]

    def open(self, app: Any, method: str, path: str, query: str, headers: dict[str, str]) -> Exchange:
        return AsgiExchange(app, scope_of(method, path, query, headers))

    def test_the_current_span_of_an_unsampled_request_is_a_span(self) -> None:
        """Within the application's task: a task has a context of its own."""
        kinds: list[type] = []
        self.service(0.0)
        self.handlers.hello = lambda name: kinds.append(type(trace.get_current_span())) or name  # type: ignore[method-assign]
        self.app = self.make(self.pipeline, self.handlers)
        assert self.get("/hello/bob") == (200, b"bob")
        assert kinds == [UnsampledSpan]
