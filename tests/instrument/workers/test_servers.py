"""The promise to each server with workers, one contract for all: one port, one sum, nothing lost, nothing left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.instrument.workers.conftest import REQUESTS, Server, eventually, total

_GUNICORN = ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "--graceful-timeout", "5")
_UWSGI = (
    *("uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2", "--enable-threads"),
    *("--die-on-term", "--need-app", "--module", "shop_wsgi:app", "--disable-logging"),
)
SERVERS = {
    "gunicorn-sync": (*_GUNICORN, "shop_wsgi:app"),
    "gunicorn-sync-preload": (*_GUNICORN, "--preload", "shop_wsgi:app"),
    "gunicorn-gthread-preload": (*_GUNICORN, "--preload", "-k", "gthread", "--threads", "4", "shop_wsgi:app"),
    "gunicorn-gevent": (*_GUNICORN, "-k", "gevent", "shop_wsgi:app"),
    "gunicorn-gevent-preload": (*_GUNICORN, "--preload", "-k", "gevent", "shop_wsgi:app"),
    "gunicorn-uvicorn": (*_GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "shop_asgi:app"),
    "uvicorn-workers": ("uvicorn", "shop_asgi:app", "--port", "{port}", "--workers", "2", "--log-level", "warning"),
    "uwsgi": _UWSGI,
    "uwsgi-lazy-apps": (*_UWSGI, "--lazy-apps"),
}
_REQUESTS = 40


@pytest.fixture(params=SERVERS, ids=str)
def server(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Server:
    if SERVERS[request.param][0] == "uwsgi" and not Path(sys.executable).with_name("uwsgi").exists():
        pytest.skip("uWSGI has no wheel and so is not in the development extra: pip install uwsgi, with a C compiler")
    started = serve(*SERVERS[request.param])
    started.wait_for_workers(2)
    eventually(lambda: _answers(started))
    return started


def _answers(server: Server) -> bool:
    try:
        return bool(server.get())
    except OSError:
        return False


def _counted(server: Server) -> float:
    return total(server.samples(), REQUESTS)


def test_one_port_shows_all_workers_through_death_reload_and_stop(server: Server, runtime: Path) -> None:
    before = _counted(server)
    for _ in range(_REQUESTS):
        server.get()
    assert _counted(server) == before + _REQUESTS
    samples = server.samples()
    assert total(samples, "target_info") == 1
    assert samples["process_open_fds", ()] > 0
    instance = next(dict(labels)["service_instance_id"] for name, labels in samples if name == "target_info")

    owner = server.owner
    time.sleep(1.2)  # until everything is saved: what is under test is that exactly this is kept
    os.kill(owner, signal.SIGKILL)
    killed_at = time.monotonic()
    eventually(server.is_answered, 5.0)
    assert time.monotonic() - killed_at < 2.0  # promised: 1 s
    assert server.owner != owner
    assert _counted(server) == before + _REQUESTS
    samples = server.samples()
    assert instance == next(dict(labels)["service_instance_id"] for name, labels in samples if name == "target_info")

    eventually(lambda: len(server.members()) >= 2, 15.0)
    old = set(server.members())
    for _ in range(_REQUESTS):
        server.get()
    server.signal(signal.SIGHUP)
    eventually(lambda: len(server.members()) >= 2 and not old & set(server.members()), 20.0)
    eventually(lambda: server.is_answered() and _counted(server) == before + 2 * _REQUESTS, 5.0)

    server.stop()
    eventually(lambda: not (runtime / "spanwise").exists(), 5.0)
