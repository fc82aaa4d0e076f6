from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from spanwise_samples.peers import Peer, PeerDown

ANSWERS = {
    "/good": (200, {"a": 1}),
    "/missing": (404, {"error": "no such thing"}),
    "/broken": (500, {"error": "it failed"}),
    "/unavailable": (503, {"error": "its own peer is gone"}),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[int]] = set()

    def do_GET(self) -> None:
        self.connections.add(self.client_address[1])
        status, body = ANSWERS.get(self.path, (200, None))
        content = b"<html>" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    Handler.connections = set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_peer_says_below_500_is_an_answer(url: str) -> None:
    peer = Peer("catalog", url, 1.0)
    assert (peer.get("/good").status, peer.get("/good").body) == (200, {"a": 1})
    assert peer.get("/missing").status == 404


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/broken", 502, "catalog answered 500: it failed"),
        ("/unavailable", 503, "catalog answered 503: its own peer is gone"),
        ("/html", 502, "catalog answered 200 with something that is not JSON"),
    ],
)
def test_what_cannot_be_used_is_peer_down(url: str, path: str, status: int, says: str) -> None:
    with pytest.raises(PeerDown) as caught:
        Peer("catalog", url, 1.0).get(path)
    assert (caught.value.status, str(caught.value)) == (status, says)


def test_a_thread_keeps_its_connection(url: str) -> None:
    peer = Peer("catalog", url, 1.0)
    for _ in range(5):
        peer.get("/good")
    assert len(Handler.connections) == 1
    thread = threading.Thread(target=peer.get, args=("/good",))
    thread.start()
    thread.join()
    assert len(Handler.connections) == 2
