"""The levels of the service's loggers: what is set, what is in force, and names for several at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

ROOT = "ROOT"
# What may be set; OFF lets nothing through.
LEVELS = ("OFF", "CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_OFF = logging.CRITICAL + 10
_NUMBERS = {name: logging.getLevelName(name) for name in LEVELS[1:]} | {"OFF": _OFF}
_ALIASES = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG"}

_groups: dict[str, tuple[str, ...]] = {
    "sql": ("sqlalchemy.engine", "django.db.backends", "psycopg", "asyncpg", "aiosqlite", "pymongo"),
    "web": ("werkzeug", "flask", "django.request", "uvicorn", "gunicorn", "starlette", "fastapi", "waitress"),
    "http": ("urllib3", "requests", "httpx", "httpcore", "aiohttp.client"),
}


@dataclass(frozen=True, slots=True)
class LoggerLevel:
    """`configured` is None where the logger takes its parent's level."""

    name: str
    configured: str | None
    effective: str


def log_group(name: str, *loggers: str) -> None:
    """Declares a name under which several loggers get their level together: `log_group("billing", "app.bills")`."""
    _groups[name] = loggers


def groups() -> dict[str, tuple[str, ...]]:
    return dict(_groups)


def levels() -> list[LoggerLevel]:
    """The root logger and every other that exists, by name."""
    known = sorted(logging.root.manager.loggerDict.copy().items(), key=lambda item: item[0])
    named = [(name, each) for name, each in known if isinstance(each, logging.Logger)]
    return [_level_of(name, logger) for name, logger in ((ROOT, logging.root), *named)]


def logger_of(name: str) -> logging.Logger:
    """The logger, made where nobody has asked for it yet: its library may be loaded later."""
    return logging.root if name == ROOT else logging.getLogger(name)


def level_number(text: str) -> int | None:
    """`"debug"`, `"WARN"` -> number; None for what is not a level."""
    name = text.upper()
    return _NUMBERS.get(_ALIASES.get(name, name))


def level_name(number: int) -> str:
    return "OFF" if number >= _OFF else logging.getLevelName(number)


def _level_of(name: str, logger: logging.Logger) -> LoggerLevel:
    configured = level_name(logger.level) if logger.level else None
    return LoggerLevel(name, configured, level_name(logger.getEffectiveLevel()))
