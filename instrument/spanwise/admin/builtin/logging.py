"""Log levels: seen and set while the service runs, each for a while."""

from __future__ import annotations

import logging
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.changing import change, change_of, countdown, done, ttl_field
from spanwise.admin.log_levels import (
    LEVELS,
    ROOT,
    LoggerLevel,
    groups,
    level_name,
    level_number,
    levels,
    logger_of,
)
from spanwise.admin.messages import Answer, Invalid, Page, Request, Tier
from spanwise.admin.parameters import flag, shown, ttl
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.templates import template

_MAX_NAME = 200
_PARAMETERS = ("logger=…", "level=…", "ttl=10m")


@route(
    "/admin/logging",
    title="Logging",
    group="Utilities",
    parameters=("logger=…", "overridden=true"),
    example="/admin/logging?logger=app&overridden=true",
)
def loggers(request: Request) -> Page:
    """Every logger with its level; `logger` shows those that start so, `overridden` those with a level of their own."""
    return Page("Logging", _text(_asked(request)), _html(request), _spring(request))


@route(
    "/admin/logging.json",
    title="Logging as JSON",
    group=UNLISTED,
    parameters=("logger=…", "overridden=true"),
    example="/admin/logging.json?logger=app",
)
def loggers_json(request: Request) -> dict[str, Any]:
    """The same in the shape of Spring Boot's loggers endpoint."""
    return _spring(request)


@route(
    "/admin/logging",
    title="Set a level",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=_PARAMETERS,
    example="/admin/logging?logger=app.db&level=DEBUG&ttl=5m",
)
def set_level(request: Request) -> Answer:
    """Sets the level of a logger or group for a while (10 minutes unless `ttl` says so); `level=null` takes it back."""
    name = request.parameter("logger") or ""
    text = request.parameter("level") or request.parameter("configuredLevel") or ""
    names = groups().get(name, (name,))
    for each in names:
        _check_name(each)
    if text.lower() == "null":
        reset = [each for each in names if _reset(request, each)]
        return done(request, f"{name}: back to what it was" if reset else f"{name} was not changed", "/admin/logging")
    number = level_number(text)
    if number is None:
        raise Invalid(f"level={shown(text)} is not one of {', '.join(LEVELS)}, or null to take a change back.")
    seconds = ttl(request)
    for each in names:
        _set(request, each, number, seconds)
    left = wording.duration(seconds)
    data = {"logger": name, "loggers": list(names), "level": level_name(number), "undone_in_s": seconds}
    return done(request, f"{name} is {level_name(number)} for {left}", "/admin/logging", data)


@route(
    "/admin/logging.json",
    title="Set a level",
    group=UNLISTED,
    every_worker=True,
    tier=Tier.MUTATING,
    methods=("POST",),
    parameters=_PARAMETERS,
    example="/admin/logging.json?logger=app.db&level=DEBUG",
)
def set_level_json(request: Request) -> Answer:
    """The same for clients that send JSON: `{"logger": "app.db", "configuredLevel": "DEBUG", "ttl": "10m"}`."""
    return set_level(request)


def _check_name(name: str) -> None:
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise Invalid(f"logger={shown(name)} is not the name of a logger or group: ROOT, or such as app.db.")


def _set(request: Request, name: str, number: int, ttl_s: float) -> None:
    logger = logger_of(name)
    before = logger.level
    change(
        request,
        _key(name),
        level_name(number),
        do=lambda: logger.setLevel(number),
        undo=lambda: logger.setLevel(before),
        ttl_s=ttl_s,
    )


def _reset(request: Request, name: str) -> bool:
    return request.process.changes.undo(_key(name))


def _key(name: str) -> str:
    return f"log level of {name}"


def _asked(request: Request) -> list[LoggerLevel]:
    prefix = request.parameter("logger") or ""
    overridden = flag(request, "overridden")
    return [
        each for each in levels() if each.name.startswith(prefix) and (each.configured is not None or not overridden)
    ]


def _spring(request: Request) -> dict[str, Any]:
    return {
        "levels": list(LEVELS),
        "loggers": {
            each.name: {"configuredLevel": each.configured, "effectiveLevel": each.effective}
            for each in _asked(request)
        },
        "groups": {
            name: {"configuredLevel": _common_level(members), "members": list(members)}
            for name, members in groups().items()
        },
    }


def _common_level(members: tuple[str, ...]) -> str | None:
    """The level that all members are set to, None where they differ. Asking makes no logger."""
    known = logging.root.manager.loggerDict
    found = {each.level for each in (known.get(member) for member in members) if isinstance(each, logging.Logger)}
    return level_name(found.pop()) if len(found) == 1 and found != {0} else None


def _text(found: list[LoggerLevel]) -> str:
    lines = [f"{each.effective:<8} {each.name}{'' if each.configured else ' (inherited)'}\n" for each in found]
    return "".join(lines) or "no such logger\n"


def _html(request: Request) -> str:
    return template("logging.html").substitute(
        rows="".join(_row(request, each) for each in _asked(request)),
        prefix=escape(request.parameter("logger") or ""),
        names="".join(f'<option value="{escape(name)}">' for name in (*groups(), *(each.name for each in levels()))),
        levels=_options("DEBUG"),
        groups=", ".join(f"<code>{escape(name)}</code>" for name in groups()),
        ttl=ttl_field(),
    )


def _row(request: Request, each: LoggerLevel) -> str:
    name = escape(each.name)
    active = change_of(request, _key(each.name))
    own = "" if each.configured else ' <span class="muted">inherited</span>'
    field = f'<input type="hidden" name="logger" value="{name}">'
    if active is not None:
        action = (
            f'{countdown(active)} <form method="post" action="/admin/logging">{field}'
            '<input type="hidden" name="level" value="null">'
            '<button class="button button-small" type="submit">Take back</button></form>'
        )
    else:
        action = (
            f'<form method="post" action="/admin/logging">{field}<select name="level" aria-label="Level of {name}">'
            f"{_options('DEBUG')}</select>"
            '<button class="button button-small" type="submit">Set for 10 min</button></form>'
        )
    level = f'<span class="badge level-{each.effective.lower()}">{each.effective}</span>'
    strong = ' class="is-root"' if each.name == ROOT else ""
    return f'<tr{strong}><td class="mono">{name}</td><td>{level}{own}</td><td class="row-actions">{action}</td></tr>'


def _options(chosen: str) -> str:
    return "".join(f"<option{' selected' if level == chosen else ''}>{level}</option>" for level in LEVELS)
