"""OTLP/gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export` on raw bytes.

A generic handler takes a message as it came, so a request is parsed once, by the intake. The server is gRPC's own for
asyncio: a connection that sends slowly costs it a buffer, where the threaded server would wait for it on one of its
threads. Spooling happens on threads of our own.

Answers: OK (with partial success where spans were refused), INVALID_ARGUMENT for what is not OTLP, RESOURCE_EXHAUSTED
for a message beyond the limit, UNAUTHENTICATED without a token, and UNAVAILABLE while there is no room, which carries a
google.rpc.RetryInfo to say when to try again. Source: opentelemetry-proto, docs/specification.md.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from spanwise_collector import metrics
from spanwise_collector.intake import _status
from spanwise_collector.intake._accept import Accepted, Intake, MalformedError
from spanwise_collector.intake._in_flight import InFlight, OverloadedError
from spanwise_collector.intake._rate_limit import RateLimit
from spanwise_collector.spool import SpoolError

log = logging.getLogger(__name__)

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOCOL = "otlp_grpc"
_RETRY_S = 2
_DETAILS = "grpc-status-details-bin"
_STREAMS_PER_CONNECTION = 16
_START_TIMEOUT_S = 10.0
_KEEPALIVE_TIMEOUT_MS = 10_000
_PING_INTERVAL_MS = 10_000
_PING_STRIKES = 2


class GrpcPortError(Exception):
    """The port cannot be bound."""


class OtlpGrpc:
    """The server, on a thread of its own. `start`, then `stop` once.

    `may` tells whether the token that a call presents, empty for none, allows it to write. Port 0 of `address` picks a
    free one; `port` is the one it has, once started. `credentials` are grpc.ServerCredentials; None speaks no TLS.
    """

    def __init__(
        self,
        intake: Intake,
        in_flight: InFlight,
        rate_limit: RateLimit,
        may: Callable[[str], bool],
        *,
        address: str,
        threads: int,
        max_body_bytes: int,
        idle_timeout_s: float,
        max_connections: int,
        handshake_timeout_s: float,
        credentials: Any = None,
    ) -> None:
        self._intake = intake
        self._in_flight = in_flight
        self._rate_limit = rate_limit
        self._may = may
        self._address = address
        self._credentials = credentials
        self.port = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="otlp-grpc")
        idle_ms = int(idle_timeout_s * 1000)
        self._options = [
            ("grpc.max_receive_message_length", max_body_bytes),
            ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
            ("grpc.so_reuseport", 0),  # else a second collector would share the port, and take half of the spans
            ("grpc.max_connection_idle_ms", idle_ms),
            ("grpc.keepalive_time_ms", idle_ms),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            # A client that pings more often is told to calm down, and then cut off.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _PING_INTERVAL_MS),
            ("grpc.http2.max_ping_strikes", _PING_STRIKES),
            ("grpc.max_allowed_incoming_connections", max_connections),
            # A connection that says nothing counts too, so it does not stay long.
            ("grpc.server_handshake_timeout_ms", int(handshake_timeout_s * 1000)),
        ]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._stop_timeout_s = 0.0
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="grpc-server", daemon=True)

    def start(self) -> None:
        """Returns when it answers. Raises GrpcPortError."""
        self._thread.start()
        if not self._started.wait(_START_TIMEOUT_S) or self._failure is not None:
            raise GrpcPortError(str(self._failure or "it did not start"))

    def stop(self, timeout_s: float) -> None:
        """Takes no more calls, lets those under way finish within `timeout_s`."""
        self._stop_timeout_s = timeout_s
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout_s + 0.5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._failure = error
            self._started.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers((_Exports(self._export),))
        if self._credentials is None:
            self.port = server.add_insecure_port(self._address)
        else:
            self.port = server.add_secure_port(self._address, self._credentials)
        await server.start()
        self._started.set()
        await self._stopping.wait()
        await server.stop(self._stop_timeout_s)

    async def _export(self, request: bytes, context: Any) -> bytes:
        token = _presented(context.invocation_metadata() or ())
        if not self._may(token):
            message = "a token is needed: send it as the metadata `authorization: Bearer TOKEN`"
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, message)
        try:
            self._rate_limit.check(token)
            with self._in_flight.share() as share:
                share.grow_to(len(request))
                accepted: Accepted = await self._loop.run_in_executor(
                    self._pool, self._intake.accept, request, PROTOCOL
                )
        except MalformedError as error:
            violation = BadRequest.FieldViolation(field="resource_spans", description=str(error))
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, error, BadRequest(field_violations=[violation]))
        except (OverloadedError, SpoolError) as error:
            await _refuse(
                context, grpc.StatusCode.UNAVAILABLE, error, RetryInfo(retry_delay=Duration(seconds=_RETRY_S))
            )
        self._rate_limit.charge(token, accepted.spans)
        return _status.success(_status.PROTOBUF, accepted.rejected_spans, accepted.message)


class _Exports(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Knows one method, and leaves its messages as bytes."""

    def __init__(self, export: Any) -> None:
        self._handler = grpc.unary_unary_rpc_method_handler(export)

    def service(self, call: Any) -> Any:
        return self._handler if call.method == EXPORT else None


async def _refuse(context: Any, code: Any, error: Exception, detail: Any) -> NoReturn:
    """Ends the call with a google.rpc.Status that carries the detail."""
    label = {MalformedError: "malformed", OverloadedError: "overload"}.get(type(error), "spool")
    metrics.REJECTED_REQUESTS.labels(label).inc()
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = Status(code=code.value[0], message=str(error), details=[packed])
    await context.abort(code, str(error), trailing_metadata=((_DETAILS, status.SerializeToString()),))
    raise AssertionError("abort raises")


def _presented(metadata: Any) -> str:
    """The token of a Bearer authorization; empty when there is none."""
    for key, value in metadata:
        if key == "authorization" and isinstance(value, str):
            scheme, _, token = value.strip().partition(" ")
            if scheme.lower() == "bearer":
                return token.strip()
    return ""
