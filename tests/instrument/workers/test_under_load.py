"""gunicorn with four workers under load while they are killed, recycled, reloaded and stopped."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from spanwise.workers.snapshot import decode
from tests.instrument.workers.conftest import REQUESTS, Load, Scrapes, Server, eventually, total

_GUNICORN = ("gunicorn", "-w", "4", "-b", "127.0.0.1:{port}", "--graceful-timeout", "5")
_THREADS = 3


def _start(serve: Callable[..., Server], runtime: Path, *more: str) -> Server:
    server = serve(*_GUNICORN, *more, "shop_wsgi:app", SERVED=str(runtime / "served"))
    server.wait_for_workers(4)
    eventually(server.is_answered)
    return server


def _served(runtime: Path) -> int:
    """How many requests have reached the application."""
    return (runtime / "served").stat().st_size


def _counted(server: Server) -> float:
    """How many of ours: a program that knew somebody else on this port before may ask for other paths."""
    ours = {key: value for key, value in server.samples().items() if ("http_route", "/hello") in key[1]}
    return total(ours, REQUESTS)


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["plain", "preload"])
def test_no_counter_goes_down_when_workers_are_killed_and_recycled(
    serve: Callable[..., Server], runtime: Path, preload: tuple[str, ...]
) -> None:
    server = _start(serve, runtime, "--max-requests", "150", "--max-requests-jitter", "150", *preload)
    load, scrapes = Load(server, _THREADS), Scrapes(server)
    killed = []
    for number in range(4):
        time.sleep(0.7)
        victim = server.owner if number % 2 else random.choice(server.members())
        with suppress(ProcessLookupError):  # it has just been recycled
            os.kill(victim, signal.SIGKILL)
            killed.append((victim, time.monotonic()))
    time.sleep(0.7)
    load.stop()
    eventually(server.is_answered, 15.0)
    scrapes.stop()
    assert scrapes.decreases == []
    assert scrapes.count >= 2
    assert scrapes.longest_silence_s < scrapes.silence_allowed_s
    assert len(killed) >= 2
    # Promised is a second; the scrapes have saved more.
    lost_at_most = sum(load.answered_by(pid, since=at - 1.5) for pid, at in killed)
    assert load.answered - lost_at_most <= _counted(server) <= _served(runtime)


def test_what_was_answered_a_second_before_a_kill_is_kept(serve: Callable[..., Server], runtime: Path) -> None:
    server = _start(serve, runtime)
    for _ in range(60):
        server.get()
    time.sleep(1.5)  # nobody scrapes: the workers save by themselves
    for pid in server.members():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(server.members()) >= 4 and server.is_answered(), 15.0)
    assert _counted(server) == 60


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["plain", "preload"])
def test_nothing_is_lost_by_recycling_reload_and_stop(
    serve: Callable[..., Server], runtime: Path, preload: tuple[str, ...]
) -> None:
    server = _start(serve, runtime, "--max-requests", "50", "--max-requests-jitter", "20", *preload)
    load, scrapes = Load(server, _THREADS), Scrapes(server)
    time.sleep(0.7)
    server.signal(signal.SIGHUP)
    time.sleep(2.0)
    server.signal(signal.SIGTTOU)  # one worker fewer: it gets SIGTERM
    time.sleep(0.7)
    load.stop()
    eventually(lambda: server.is_answered() and _counted(server) >= load.answered, 15.0)
    scrapes.stop()
    assert scrapes.decreases == []
    assert scrapes.longest_silence_s < scrapes.silence_allowed_s
    assert load.answered <= _counted(server) <= _served(runtime)

    group = server.group
    server.stop()
    eventually(lambda: not group.exists(), 5.0)
    eventually(lambda: not _runs(server), 5.0)


def test_the_last_words_of_all_workers_are_in_the_sum_when_the_master_stops(
    serve: Callable[..., Server], runtime: Path
) -> None:
    server = _start(serve, runtime)
    dead = server.group / "dead"
    for _ in range(40):
        server.get()
    for pid in server.members():
        os.kill(pid, signal.SIGTERM)  # as the master does; it would start new ones
    found = 0.0

    def all_are_in() -> bool:
        nonlocal found
        if dead.exists():
            families = decode(dead.read_bytes()).families
            tables = [table for family in families for table in family.tables if table.sample == REQUESTS]
            found = sum(row[-1] for table in tables for row in table.rows)
        return found == 40

    eventually(all_are_in, 10.0)


def _runs(server: Server) -> bool:
    """Whether anything of its session is left: a worker, a janitor."""
    try:
        os.killpg(server.process.pid, 0)
    except ProcessLookupError:
        return False
    return True
