"""Every setting is in the docs, and can be set by a flag and by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise.settings import Setting, SettingError
from spanwise_dashboards.settings import SETTINGS, STATIC_TARGETS

PAGE = (Path(__file__).parents[2] / "docs/dashboards.md").read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_a_setting_is_documented(setting: Setting) -> None:
    assert f"`{setting.variable}`" in PAGE
    assert f"`{setting.flag}`" in PAGE
    assert setting.default is None or f"`{setting.default}`" in PAGE


def test_no_two_settings_share_a_name_or_flag() -> None:
    assert (
        len({setting.variable for setting in SETTINGS}) == len({setting.flag for setting in SETTINGS}) == len(SETTINGS)
    )


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("127.0.0.1:9990", ("127.0.0.1:9990",)),
        ("a:1, b.example:65535", ("a:1", "b.example:65535")),
        ("[::1]:80", ("[::1]:80",)),
    ],
)
def test_targets_are_hosts_with_ports(text: str, targets: tuple[str, ...]) -> None:
    assert STATIC_TARGETS.parse(text) == targets


@pytest.mark.parametrize("text", ["a", "a:", ":1", "a:0", "a:65536", "http://a:1", "a:1/metrics", "a b:1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="HOST:PORT"):
        STATIC_TARGETS.parse(text)
