"""What the process was told and runs with: settings and where each came from, environment, arguments, libraries."""

from __future__ import annotations

import os
import platform
import sys
from html import escape
from importlib import metadata
from typing import Any

from spanwise.admin.builtin.traffic import downstreams
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.tables import table
from spanwise.diagnosis.sockets import listening
from spanwise.settings import DURATION, FLAG, INTEGER, NUMBER, SIZE, Value

MASK = "******"
# A value of these kinds cannot hold a secret.
_HARMLESS = (DURATION, FLAG, INTEGER, NUMBER, SIZE)


@route(
    "/admin/registry.json",
    title="Registry as JSON",
    group=UNLISTED,
    parameters=("filter=library/*/version",),
    example="/admin/registry.json?filter=system/properties/*",
)
def registry_json(request: Request) -> Page:
    """Settings with their source, environment, arguments, build and libraries; values masked; `filter` takes a part."""
    return registry(request)


@route(
    "/admin/registry",
    title="Registry",
    group="Process Info",
    parameters=("filter=library/*/version",),
    example="/admin/registry?filter=library/*/version",
)
def registry(request: Request) -> Page:
    """Every setting with its value and where that came from, as a page; the rest as JSON."""
    process = request.process
    show = process.settings["SPANWISE_ADMIN_SHOW_VALUES"]
    settings = {name: _setting(value, show) for name, value in sorted(process.settings.values.items())}
    whole: dict[str, Any] = {
        "configuration": settings,
        "flags": {name: each["value"] for name, each in settings.items() if each["source"] == "argument"},
        "library": {name: {"version": version} for name, version in _libraries().items()},
        "build.properties": {
            "name": process.attribute("service.name"),
            "version": process.attribute("service.version"),
            "build_revision": process.attribute("vcs.ref.head.revision"),
        },
        "system": {
            "env": dict.fromkeys(sorted(os.environ), MASK),
            "properties": {
                "python.version": platform.python_version(),
                "python.implementation": platform.python_implementation(),
                "os.name": platform.system(),
                "os.version": platform.release(),
                "os.arch": platform.machine(),
                "cpu.count": os.cpu_count(),
            },
            "jvm_arguments": "",  # twitter-server's key; what there is instead comes next
            "python_arguments": _arguments(),
        },
        "client": {"http": {peer.name: {"requests": int(peer.durations.count)} for peer in downstreams(process)}},
        "server": {"tcp": {process.attribute("service.name"): {each.address: {} for each in listening()}}},
    }
    wanted = request.parameter("filter")
    if wanted is not None:
        parts = [part for part in wanted.split("/") if part]
        found = _filtered(whole, parts[1:] if parts[:1] == ["registry"] else parts)
        whole = found if isinstance(found, dict) else {}
    return Page("Registry", "", _html(settings) if wanted is None else "", {"registry": whole})


def _setting(value: Value, show: bool) -> dict[str, Any]:
    row = value.setting
    harmless = value.source == "default" or row.kind in _HARMLESS or bool(row.choices)
    visible = not row.secret and (harmless or show)
    is_unset = value.value is None
    return {
        "value": value.value if visible or is_unset else MASK,
        "source": value.source,
        "default": row.default,
        "is_default": value.source == "default",
        "help": row.help,
    }


def _arguments() -> list[str]:
    """The command line: which options, never their values."""
    return [sys.argv[0] if sys.argv else "", *(_option(word) for word in sys.argv[1:])]


def _option(word: str) -> str:
    name, equals, _ = word.partition("=")
    if not word.startswith("--"):
        return MASK
    return f"{name}={MASK}" if equals else name


def _libraries() -> dict[str, str]:
    found = {str(each.metadata["Name"]): each.version for each in metadata.distributions() if each.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _filtered(tree: Any, parts: list[str]) -> Any:
    """What lies on the path; `*` is any one name. None where nothing does."""
    if not parts:
        return tree
    if not isinstance(tree, dict):
        return None
    names = list(tree) if parts[0] == "*" else [parts[0]]
    found = {name: _filtered(tree[name], parts[1:]) for name in names if name in tree}
    return {name: value for name, value in found.items() if value is not None} or None


def _html(settings: dict[str, dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr{"" if each["is_default"] else " class=is-set"}><td class="mono">{escape(name)}</td>'
        f'<td class="mono">{escape(_shown(each["value"]))}</td>'
        f'<td><span class="badge{"" if each["is_default"] else " badge-accent"}">{each["source"]}</span></td>'
        f'<td class="muted">{escape(each["help"])}</td></tr>'
        for name, each in settings.items()
    )
    head = "<th>setting</th><th>value</th><th>from</th><th>what it does</th>"
    note = '<p class="muted">The environment, arguments and libraries are in <a href="?filter=system">system</a>'
    note += ' and <a href="?filter=library">library</a>; what may be secret is masked.</p>'
    return note + table(head, rows)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
