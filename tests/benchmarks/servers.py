"""What HTTP and gRPC servers cost a request, with nothing behind them: the choice of the collector's servers.

Each server runs in a process of its own with an application that reads the body and answers 200; several connections
send bodies of 50 and of 512 spans. CPU seconds of the server's processes a thousand requests, and requests a second
(which other work on the machine changes, where CPU changes less). The last line of stdout is JSON.

    python -m tests.benchmarks.servers [--requests 2000]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.intake import EXPORT, grpc_sender, http_sender, request_template

_CONNECTIONS = 4
_ROUNDS = 3
_START_LIMIT_S = 30.0
_BODIES = (50, 512)


def application(environ: Any, start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "application/x-protobuf"), ("Content-Length", "0")])
    return [b""]


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def waitress(port: int) -> None:
    from waitress import serve

    serve(application, host="127.0.0.1", port=port, threads=16, asyncore_use_poll=True)


def gunicorn(port: int) -> None:
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in (
                ("bind", f"127.0.0.1:{port}"),
                ("worker_class", "gthread"),
                ("threads", 16),
                ("control_socket_disable", True),
            ):
                self.cfg.set(name, value)

        def load(self) -> Any:
            return application

    Application().run()


def werkzeug(port: int) -> None:
    import logging

    from werkzeug.serving import WSGIRequestHandler, make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    make_server("127.0.0.1", port, application, threaded=True).serve_forever()


def uvicorn(port: int) -> None:
    from uvicorn import run

    run(asgi_application, host="127.0.0.1", port=port, log_level="error")


def _grpc_handlers() -> Any:
    import grpc

    class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, call: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"") if call.method == EXPORT else None

    return (Handlers(),)


def grpc_threads(port: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    server = grpc.server(ThreadPoolExecutor(16), handlers=_grpc_handlers())
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def grpc_asyncio(port: int) -> None:
    import asyncio

    import grpc
    import grpc.aio

    async def answer(request: bytes, context: Any) -> bytes:
        return b""

    class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, call: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer) if call.method == EXPORT else None

    async def serve() -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Handlers(),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


SERVERS: dict[str, tuple[Callable[[int], None], Callable[[str], Callable[[bytes], bool]]]] = {
    "waitress": (waitress, http_sender),
    "gunicorn gthread": (gunicorn, http_sender),
    "werkzeug threaded": (werkzeug, http_sender),
    "uvicorn": (uvicorn, http_sender),
    "grpc threads": (grpc_threads, grpc_sender),
    "grpc asyncio": (grpc_asyncio, grpc_sender),
}


def cpu_s(pid: int) -> float:
    """Of a process and its children that live."""
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()  # noqa: SIM115, PTH123
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()  # noqa: SIM115, PTH123
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(int(child)) for child in children)


def measure(name: str, body: bytes, requests: int) -> dict[str, float]:
    serve, sender = SERVERS[name]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))
    process.start()
    assert process.pid is not None
    try:
        until = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < until:
            try:
                if sender(f"127.0.0.1:{port}")(body):
                    break
            except OSError:
                time.sleep(0.05)
        failed: list[int] = []

        def run() -> None:
            send = sender(f"127.0.0.1:{port}")
            failed.append(sum(not send(body) for _ in range(requests // _CONNECTIONS)))

        threads = [threading.Thread(target=run) for _ in range(_CONNECTIONS)]
        cpu, began = cpu_s(process.pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        if len(failed) != _CONNECTIONS or any(failed):
            raise SystemExit(f"{name} did not answer every request")
        return {"cpu_s": (cpu_s(process.pid) - cpu) / requests * 1000, "per_s": requests / took}
    finally:
        process.terminate()
        process.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=2000, help="in each of three rounds")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {name: {} for name in SERVERS}
    for spans in _BODIES:
        body = request_template(spans, random.Random(1))
        rounds = [{name: measure(name, body, arguments.requests) for name in SERVERS} for _ in range(_ROUNDS)]
        for name in SERVERS:
            found[name][f"{spans} spans"] = {
                "cpu_s_per_1000": round(min(one[name]["cpu_s"] for one in rounds), 3),
                "requests_per_s": round(max(one[name]["per_s"] for one in rounds)),
            }
            print(name, spans, found[name][f"{spans} spans"], file=sys.stderr, flush=True)
    print(json.dumps({"benchmark": "servers", "requests": arguments.requests, "servers": found}))


if __name__ == "__main__":
    main()
