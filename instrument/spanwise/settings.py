"""Settings are data: one table row gives a variable its type, default, limits and one-line help.

A part of Spanwise keeps one `tuple[Setting, ...]`. From it come the values a process runs with (`resolve`), the
command-line flags (`add_flags`, `from_flags`), the docs page, `/admin`'s configuration view and every error message.

Arguments beat environment variables, which beat defaults; `Settings.source` tells which of the three it was.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from spanwise.redaction import in_force


class SettingError(ValueError):
    """A value that cannot be used: one line that names the setting, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a setting's text is read. `allowed` completes the sentence "<value> is not <allowed>"."""

    name: str
    allowed: str
    parse: Callable[[str], Any]


_INTEGER = re.compile(r"[+-]?[0-9]+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_DURATION_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_SIZE_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def parse_duration(text: str) -> float:
    """`"250ms"`, `"10s"`, `"5m"`, `"1h"`, `"7d"` -> seconds. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return _finite(float(match[1])) * _DURATION_SECONDS[match[2]]


def parse_size(text: str) -> int:
    """`"16MiB"`, `"10GB"`, `"4096"` -> bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return int(_finite(float(match[1])) * _SIZE_BYTES[match[2] or "B"])


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def _parse_integer(text: str) -> int:
    if _INTEGER.fullmatch(text.strip()) is None:  # int() also takes 1_000 and other scripts' digits
        raise ValueError(text)
    return int(text)


def _parse_number(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    return _finite(float(text))


def _parse_flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(text)


def _parse_url(text: str) -> str:
    parts = urlsplit(text.strip())
    if any(character.isspace() for character in text.strip()):
        raise ValueError(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(text)
    _ = parts.port  # raises ValueError when it is not a port number
    return text.strip().rstrip("/")


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _parse_pairs(text: str) -> dict[str, str]:
    """`"a=1,b=2"`, percent-encoded as W3C baggage, the form of OTEL_RESOURCE_ATTRIBUTES and ..._HEADERS."""
    from urllib.parse import unquote

    pairs: dict[str, str] = {}
    for item in _parse_list(text):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ValueError(text)
        pairs[key.strip()] = unquote(value.strip())
    return pairs


TEXT = Kind("text", "text", str)
INTEGER = Kind("integer", "a whole number", _parse_integer)
NUMBER = Kind("number", "a number", _parse_number)
FLAG = Kind("flag", "true or false", _parse_flag)
DURATION = Kind("duration", "a duration such as 250ms, 10s or 5m", parse_duration)
SIZE = Kind("size", "a size such as 512kB, 16MiB or 10GB", parse_size)
URL = Kind("url", "an http:// or https:// address", _parse_url)
LIST = Kind("list", "a comma-separated list", _parse_list)
PAIRS = Kind("pairs", "a list such as key=value,other=value", _parse_pairs)
PATH = Kind("path", "a file or folder name", str)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. `default` is written as a user would write it; None means unset."""

    variable: str
    kind: Kind
    default: str | None
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    flag: str = ""  # such as "--port"; rows without one are set by environment or argument only
    secret: bool = False  # its value is never shown

    def parse(self, text: str, given_by: str = "") -> Any:
        """The typed value of `text`, or SettingError. `given_by` names the flag where it was not the variable."""
        name = given_by or self.variable
        shown = "(hidden)" if self.secret else repr(in_force().text(text))
        try:
            value = self.kind.parse(text)
        except ValueError:
            raise SettingError(f"{name}={shown} is not {self.kind.allowed}. {self.help}") from None
        if self.choices and value not in self.choices:
            raise SettingError(f"{name}={shown} is not one of {', '.join(self.choices)}. {self.help}")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise SettingError(f"{name}={shown} is out of range: allowed is {self.range_text}. {self.help}")
        return value

    @property
    def range_text(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        if self.high is not None:
            return f"at most {self.high:g}"
        return ", ".join(self.choices) or self.kind.allowed


@dataclass(frozen=True, slots=True)
class Value:
    """What a setting came to, and from where: "argument", "environment" or "default"."""

    setting: Setting
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The resolved table of one part."""

    values: Mapping[str, Value] = field(default_factory=dict)

    def __getitem__(self, variable: str) -> Any:
        return self.values[variable].value

    def source(self, variable: str) -> str:
        return self.values[variable].source


def resolve(
    table: Iterable[Setting],
    arguments: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Every setting of the table from `arguments` (by variable name; None counts as not given), `environ`, defaults.

    An empty environment variable counts as unset, as OpenTelemetry's specification asks.
    """
    given = arguments or {}
    env = os.environ if environ is None else environ
    values: dict[str, Value] = {}
    for setting in table:
        argument = given.get(setting.variable)
        if argument is not None:
            value = setting.parse(argument) if isinstance(argument, str) else argument
            values[setting.variable] = Value(setting, value, "argument")
        elif env.get(setting.variable, "").strip():
            values[setting.variable] = Value(setting, setting.parse(env[setting.variable]), "environment")
        else:
            default = None if setting.default is None else setting.parse(setting.default)
            values[setting.variable] = Value(setting, default, "default")
    return Settings(values)


def add_flags(parser: argparse.ArgumentParser, table: Iterable[Setting]) -> None:
    """One command-line flag for each row that has one; `--help` shows help, variable and default."""
    for setting in table:
        if not setting.flag:
            continue
        shown = f"{setting.help} [{setting.variable}; default: {setting.default or 'unset'}]".replace("%", "%%")
        if setting.kind is FLAG:
            parser.add_argument(setting.flag, dest=setting.variable, action="store_const", const="true", help=shown)
        else:
            parser.add_argument(setting.flag, dest=setting.variable, metavar=setting.kind.name.upper(), help=shown)


def from_flags(table: Iterable[Setting], parsed: argparse.Namespace) -> dict[str, Any]:
    """The arguments for `resolve` out of what `add_flags` parsed; errors name the flag."""
    arguments: dict[str, Any] = {}
    for setting in table:
        text = getattr(parsed, setting.variable, None)
        if text is not None:
            arguments[setting.variable] = setting.parse(text, given_by=setting.flag)
    return arguments
