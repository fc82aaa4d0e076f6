"""Settings are data: every kind, every limit, and errors that a person can act on."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import settings as module
from spanwise.configuration import INSTRUMENT_SETTINGS
from spanwise.settings import (
    DURATION,
    FLAG,
    INTEGER,
    LIST,
    NUMBER,
    PAIRS,
    PATH,
    SIZE,
    TEXT,
    URL,
    Kind,
    Setting,
    SettingError,
    add_flags,
    from_flags,
    resolve,
)


def setting(kind: Kind, default: str | None = None, **more: Any) -> Setting:
    return Setting("X_SETTING", kind, default, "What it is for.", **more)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (TEXT, "any thing", "any thing"),
        (INTEGER, "42", 42),
        (INTEGER, " -1 ", -1),
        (NUMBER, "0.25", 0.25),
        (NUMBER, "1e3", 1000.0),
        (FLAG, "true", True),
        (FLAG, "YES", True),
        (FLAG, " on ", True),
        (FLAG, "1", True),
        (FLAG, "False", False),
        (FLAG, "no", False),
        (FLAG, "OFF", False),
        (FLAG, "0", False),
        (DURATION, "250ms", 0.25),
        (DURATION, "10s", 10.0),
        (DURATION, "1.5 m", 90.0),
        (DURATION, "2h", 7200.0),
        (DURATION, "7d", 604800.0),
        (SIZE, "4096", 4096),
        (SIZE, "16MiB", 16 * 2**20),
        (SIZE, "10GB", 10**10),
        (SIZE, "1.5 kB", 1500),
        (SIZE, "1TiB", 2**40),
        (URL, "http://127.0.0.1:9411/", "http://127.0.0.1:9411"),
        (URL, " https://example.org/otlp ", "https://example.org/otlp"),
        (URL, "http://[::1]:4318", "http://[::1]:4318"),
        (LIST, "a, b ,,c", ("a", "b", "c")),
        (LIST, " , ", ()),
        (PAIRS, "a=1, b = x%20y ,c=", {"a": "1", "b": "x y", "c": ""}),
        (PAIRS, "key=a=b", {"key": "a=b"}),
        (PATH, "/tmp/x", "/tmp/x"),
    ],
)
def test_what_each_kind_reads(kind: Kind, text: str, value: Any) -> None:
    parsed = setting(kind).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (INTEGER, "1.5"),
        (INTEGER, "ten"),
        (INTEGER, "9" * 5000),
        (INTEGER, "1_000"),
        (NUMBER, "a lot"),
        (NUMBER, "nan"),
        (NUMBER, "inf"),
        (NUMBER, "1_0"),
        (FLAG, "maybe"),
        (FLAG, "2"),
        (DURATION, "10"),
        (DURATION, "-1s"),
        (DURATION, "10 parsecs"),
        (DURATION, "9" * 400 + "s"),
        (SIZE, "-1"),
        (SIZE, "1 XB"),
        (SIZE, "9" * 400),
        (URL, "localhost:9411"),
        (URL, "ftp://example.org"),
        (URL, "http://"),
        (URL, "http://host:99999"),
        (URL, "http://host:port"),
        (URL, "http://[::1"),
        (URL, "http://ho st/"),
        (URL, "http://host/\nX: y"),
        (PAIRS, "no equals sign"),
        (PAIRS, "=value"),
    ],
)
def test_what_each_kind_refuses(kind: Kind, text: str) -> None:
    with pytest.raises(SettingError) as raised:
        setting(kind).parse(text)
    message = str(raised.value)
    assert message.startswith("X_SETTING=")
    assert kind.allowed in message
    assert "\n" not in message
    assert message.endswith("What it is for.")
    assert raised.value.__suppress_context__  # one line, not a chain of tracebacks


@given(st.sampled_from([INTEGER, NUMBER, FLAG, DURATION, SIZE, URL, LIST, PAIRS]), st.text())
def test_any_text_is_read_or_refused(kind: Kind, text: str) -> None:
    try:
        setting(kind).parse(text)
    except SettingError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("low", "high", "wrong", "allowed"),
    [(0, 10, "11", "0 to 10"), (0, 10, "-1", "0 to 10"), (1, None, "0", "at least 1"), (None, 5, "6", "at most 5")],
)
def test_limits(low: float | None, high: float | None, wrong: str, allowed: str) -> None:
    row = setting(INTEGER, low=low, high=high)
    with pytest.raises(SettingError, match=f"X_SETTING='{wrong}' is out of range: allowed is {allowed}"):
        row.parse(wrong)
    for limit in (low, high):
        if limit is not None:
            assert row.parse(str(limit)) == limit


def test_choices() -> None:
    row = setting(TEXT, choices=("gzip", "none"))
    assert row.parse("gzip") == "gzip"
    with pytest.raises(SettingError, match="X_SETTING='zstd' is not one of gzip, none"):
        row.parse("zstd")


@pytest.mark.parametrize(
    "row",
    [
        setting(PAIRS, secret=True),
        setting(INTEGER, secret=True),
        setting(TEXT, secret=True, choices=("a",)),
        setting(SIZE, secret=True, high=1),
    ],
)
def test_a_secret_is_never_shown(row: Setting) -> None:
    text = "123456" if row.kind is SIZE else "hunter2"
    with pytest.raises(SettingError) as raised:
        row.parse(text)
    assert text not in str(raised.value)
    assert "(hidden)" in str(raised.value)


TABLE = (
    Setting("X_PORT", INTEGER, "9990", "The port.", low=0, high=65535, flag="--port"),
    Setting("X_NAME", TEXT, None, "The name: 100% yours.", flag="--name"),
    Setting("X_QUIET", FLAG, "false", "Says nothing.", flag="--quiet"),
    Setting("X_INNER", DURATION, "1s", "Without a flag."),
)


def test_arguments_beat_the_environment_which_beats_defaults() -> None:
    environ = {"X_PORT": "2", "X_INNER": "3s", "OTHER": "x"}
    resolved = resolve(TABLE, {"X_PORT": "1", "X_NAME": None}, environ)
    assert (resolved["X_PORT"], resolved.source("X_PORT")) == (1, "argument")
    assert (resolved["X_INNER"], resolved.source("X_INNER")) == (3.0, "environment")
    assert (resolved["X_QUIET"], resolved.source("X_QUIET")) == (False, "default")
    assert (resolved["X_NAME"], resolved.source("X_NAME")) == (None, "default")


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_variable_is_unset(empty: str) -> None:
    resolved = resolve(TABLE, environ={"X_PORT": empty})
    assert (resolved["X_PORT"], resolved.source("X_PORT")) == (9990, "default")


def test_the_process_s_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_PORT", "5")
    assert resolve(TABLE)["X_PORT"] == 5


def test_an_argument_may_have_its_type_already() -> None:
    assert resolve(TABLE, {"X_PORT": 0, "X_QUIET": True}, {})["X_PORT"] == 0


def test_a_wrong_variable_is_an_error() -> None:
    with pytest.raises(SettingError, match=r"X_PORT='70000' is out of range: allowed is 0 to 65535. The port."):
        resolve(TABLE, environ={"X_PORT": "70000"})


def flags(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser, TABLE)
    return from_flags(TABLE, parser.parse_args(arguments))


def test_flags() -> None:
    assert flags() == {}
    assert flags("--port", "1", "--name", "x", "--quiet") == {"X_PORT": 1, "X_NAME": "x", "X_QUIET": True}
    assert resolve(TABLE, flags("--port", "0"), {"X_PORT": "2"})["X_PORT"] == 0


def test_a_wrong_flag_is_named_as_it_was_given() -> None:
    with pytest.raises(SettingError, match=r"--port='x' is not a whole number. The port."):
        flags("--port", "x")


def test_help_shows_variable_and_default() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, TABLE)
    text = " ".join(parser.format_help().split())
    assert "[X_PORT; default: 9990]" in text
    assert "[X_NAME; default: unset]" in text
    assert "100% yours" in text
    assert "X_INNER" not in text


def test_the_library_s_table() -> None:
    names = [row.variable for row in INSTRUMENT_SETTINGS]
    assert len(names) == len(set(names))
    for row in INSTRUMENT_SETTINGS:
        assert row.variable.startswith(("OTEL_", "SPANWISE_"))
        assert row.help.endswith("."), row.variable
        if row.default is not None:
            row.parse(row.default)  # a default is as valid as any value
    assert resolve(INSTRUMENT_SETTINGS, environ={})["OTEL_TRACES_SAMPLER_ARG"] == 0.1


def test_every_kind_has_a_name_of_its_own() -> None:
    kinds = [value for value in vars(module).values() if isinstance(value, Kind)]
    assert len({kind.name for kind in kinds}) == len(kinds) == 10
