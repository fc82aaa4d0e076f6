"""The collector's settings table."""

from __future__ import annotations

import re

from spanwise.settings import resolve
from spanwise_collector.settings import SETTINGS


def test_defaults_keep_a_laptop_safe() -> None:
    settings = resolve(SETTINGS, environ={})
    assert settings["SPANWISE_COLLECTOR_HOST"] == "127.0.0.1"
    assert settings["SPANWISE_COLLECTOR_MEMORY"] == 512_000_000
    assert settings["SPANWISE_COLLECTOR_RETENTION"] == 7 * 86_400
    assert settings["SPANWISE_COLLECTOR_RETENTION_SIZE"] == 10 * 10**9
    assert settings["SPANWISE_COLLECTOR_MAX_BODY"] == 16 * 2**20
    assert settings["SPANWISE_COLLECTOR_NO_AUTH"] is False


def test_each_row_has_one_line_of_help_and_a_flag_of_its_name() -> None:
    for setting in SETTINGS:
        assert re.fullmatch(r"[A-Z].*\.", setting.help), setting.variable
        expected = "--" + setting.variable.removeprefix("SPANWISE_COLLECTOR_").lower().replace("_", "-")
        assert setting.flag in ("", expected), setting.variable
    assert len({setting.flag for setting in SETTINGS if setting.flag}) == sum(bool(s.flag) for s in SETTINGS)


def test_tokens_and_the_stores_password_are_secret_and_tokens_have_no_flag() -> None:
    secret = {setting.variable for setting in SETTINGS if setting.secret}
    assert secret == {f"SPANWISE_COLLECTOR_{name}" for name in ("READ_TOKEN", "WRITE_TOKEN", "STORE")}
    assert all(not setting.flag for setting in SETTINGS if setting.variable.endswith("_TOKEN"))
