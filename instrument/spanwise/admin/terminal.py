"""What `spanwise admin` does and prints. Each act takes the parsed arguments and returns the exit code."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from spanwise.admin import wording
from spanwise.admin.client import Client, ClientError, SocketClient
from spanwise.admin.instances import Instance, instances, of_process, socket_of
from spanwise.command import fail

GOOD, BAD, SILENT = 0, 1, 3
_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_GREEN, _RED, _YELLOW = "\x1b[32m", "\x1b[31m", "\x1b[33m"
_COLOURS = {"ready": _GREEN, "starting": _YELLOW, "draining": _YELLOW, "passing": _GREEN, "failing": _RED}
Act = Callable[[Namespace], int]


def _says_what_failed(act: Act) -> Act:
    @wraps(act)
    def guarded(arguments: Namespace) -> int:
        try:
            return act(arguments)
        except ClientError as error:
            sys.stderr.write(f"spanwise admin: {error}\n")
            return BAD if error.status else SILENT

    return guarded


@_says_what_failed
def list_instances(arguments: Namespace) -> int:
    """Exit code 1 where there are none, so that scripts can ask."""
    found = instances()
    if arguments.json:
        _print_json([{"pid": each.pid, "url": each.url, "state": each.state, **each.identity} for each in found])
    elif not found:
        _print("no instrumented service of this user was found on this machine\n")
    else:
        rows = [(each.name, str(each.pid), each.state, _version(each), each.url) for each in found]
        _print_table(("service", "pid", "state", "version", "admin"), rows)
    return GOOD if found else BAD


@_says_what_failed
def ping(arguments: Namespace) -> int:
    client = _client(arguments)
    began = time.perf_counter()
    answer = client.get("/admin/ping").decode()
    took_ms = (time.perf_counter() - began) * 1000
    if arguments.json:
        _print_json({"answer": answer, "took_ms": round(took_ms, 2), "url": client.url})
    else:
        _print(f"{answer} from {client.url} in {took_ms:.1f} ms\n")
    return GOOD


@_says_what_failed
def health(arguments: Namespace) -> int:
    client = _client(arguments)
    try:
        text = client.get("/readyz", "application/json" if arguments.json else "*/*", verbose="").decode()
    except ClientError as error:
        if error.status != 503:
            raise
        _print(f"{str(error).partition(': 503: ')[2]}\n")
        return BAD
    _print(text)
    return GOOD


@_says_what_failed
def metrics(arguments: Namespace) -> int:
    names = [name if "*" in name or "/" in name else f"{name}*" for name in arguments.name]
    found = _client(arguments).json("/admin/metrics.json", pretty="true", m=names or None)
    if arguments.json:
        _print_json(found)
    elif not found:
        sys.stderr.write("spanwise admin: no such metric; without a name all are shown.\n")
    else:
        _print_table(("metric", "value"), [(name, f"{value:,.6g}") for name, value in found.items()], right=1)
    return GOOD if found else BAD


@_says_what_failed
def threads(arguments: Namespace) -> int:
    client = _client(arguments)
    path = "/admin/threads.json" if arguments.json else "/admin/threads"
    _print(client.get(path, worker=arguments.worker).decode())
    return GOOD


@_says_what_failed
def profile(arguments: Namespace) -> int:
    client = _client(arguments, timeout_s=arguments.seconds + 30)
    given = {"seconds": f"{arguments.seconds:g}", "hz": arguments.hz, "worker": arguments.worker}
    if arguments.output is None:
        shape = "speedscope" if arguments.json else "text"
        _print(client.get("/admin/pprof/profile", format=shape, **given).decode())
        return GOOD
    body = client.get("/admin/pprof/profile", format="pprof", **given)
    try:
        Path(arguments.output).write_bytes(body)
    except OSError as error:
        fail(f"{arguments.output} cannot be written: {error.strerror}.")
    _print(f"wrote {len(body):,} bytes to {arguments.output}: go tool pprof {arguments.output}\n")
    return GOOD


@_says_what_failed
def log_level(arguments: Namespace) -> int:
    client = _client(arguments)
    if arguments.level is not None:
        answer = client.post("/admin/logging", logger=arguments.logger, level=arguments.level, ttl=arguments.ttl)
        _print(answer.decode())
        return GOOD
    found = client.json("/admin/logging.json", logger=arguments.logger)
    if arguments.json:
        _print_json(found)
    else:
        rows = [
            (name, each["effectiveLevel"], "" if each["configuredLevel"] else "inherited")
            for name, each in found["loggers"].items()
        ]
        _print_table(("logger", "level", ""), rows)
    return GOOD if found["loggers"] else BAD


@_says_what_failed
def lint(arguments: Namespace) -> int:
    client = _client(arguments)
    results = client.json("/admin/lint.json")
    _print(json.dumps(results, indent=2) + "\n" if arguments.json else client.get("/admin/lint").decode())
    return BAD if results["lint_results"]["failed_rules"] else GOOD


@_says_what_failed
def why(arguments: Namespace) -> int:
    """Exit code 1 where something is wrong, so that scripts can ask."""
    found = _client(arguments).json("/admin/why", worker=arguments.worker)
    if arguments.json:
        _print_json(found)
    else:
        _print("\n".join(_finding(each) for each in found["findings"]) or found["verdict"])
    return GOOD if found["well"] else BAD


def _finding(each: dict[str, Any]) -> str:
    pids = each.get("workers")
    return f"{each['text']} (worker {', '.join(map(str, pids))})" if pids else str(each["text"])


@_says_what_failed
def workers(arguments: Namespace) -> int:
    found = _client(arguments).json("/admin/workers")
    if arguments.json:
        _print_json(found)
        return GOOD
    rows = [
        (
            str(each["pid"]),
            each["state"],
            wording.duration(each["age_s"]),
            wording.size(each["rss_bytes"]),
            str(each["in_flight"]),
            "admin port" if each["owner"] else "",
        )
        for each in found["workers"]
    ]
    _print_table(("pid", "state", "age", "memory", "in flight", ""), rows)
    for pid, why_not in found.get("failed_workers", {}).items():
        sys.stderr.write(f"spanwise admin: worker {pid} has not answered: {why_not}\n")
    return BAD if "failed_workers" in found else GOOD


def _client(arguments: Namespace, timeout_s: float = 10.0) -> Client:
    target = arguments.target
    path = _socket(target) if target is not None else None
    if path is not None:
        return SocketClient(path, timeout_s=timeout_s)
    return Client(_url(target), timeout_s=timeout_s, token=_token())


def _socket(target: str) -> Path | None:
    """The socket that is named by its path, or that a worker without a port of its own has."""
    if target.startswith(("/", "./", "unix:")):
        return Path(target.removeprefix("unix:"))
    return socket_of(int(target)) if target.isdecimal() and not of_process(int(target)) else None


def _url(target: str | None) -> str:
    if target is None:
        return _only(instances(), "on this machine", "no instrumented service of this user runs on this machine.")
    if target.startswith(("http://", "https://")):
        return target
    if not target.isdigit():
        host, colon, port = target.rpartition(":")
        if colon and port.isdigit():
            return f"http://{host or '127.0.0.1'}:{port}"
        found = [each for each in instances() if each.name == target]
        return _only(found, f"called {target}", f"{target!r} is no process id, port, URL, or name of a service here.")
    found = of_process(int(target))
    if not found and int(target) <= 65535:
        return f"http://127.0.0.1:{target}"
    return _only(found, f"in process {target}", f"process {target} has no admin port that answers.")


def _only(found: Sequence[Instance], where: str, none: str) -> str:
    if not found:
        fail(none)
    if len(found) > 1:
        listed = ", ".join(f"{each.name} (-t {each.pid})" for each in found)
        fail(f"there are {len(found)} services {where}: {listed}.")
    return found[0].url


def _token() -> str | None:
    file = os.environ.get("SPANWISE_ADMIN_TOKEN_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            fail(f"SPANWISE_ADMIN_TOKEN_FILE={file} cannot be read.")
    return os.environ.get("SPANWISE_ADMIN_TOKEN") or None


def _version(each: Instance) -> str:
    version = each.identity.get("service.version", "")
    return "" if version == "unknown" else version


def _print(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _print_json(data: Any) -> None:
    _print(json.dumps(data, indent=2))


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: int = -1) -> None:
    """Columns as wide as they need to be; the longest is cut to fit a terminal."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    terminal = shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths) + 2 * len(widths)
    widths[0] = max(8, min(widths[0], terminal - sum(widths[1:]) - 2 * len(widths)))
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    _print(_styled(_line(head, widths, right), _DIM if coloured else ""))
    for row in rows:
        line = _line(row, widths, right)
        for word, colour in _COLOURS.items() if coloured else ():
            line = line.replace(f"  {word}", f"  {colour}{word}{_RESET}", 1)
        _print(line)


def _line(row: Sequence[str], widths: Sequence[int], right: int) -> str:
    cells = [
        _cut(cell, width).rjust(width) if column == right else _cut(cell, width).ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _styled(text: str, style: str) -> str:
    return f"{style}{text}{_RESET}" if style else text
