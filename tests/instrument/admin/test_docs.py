from __future__ import annotations

from pathlib import Path

from spanwise.admin.docs import fill
from spanwise.admin.settings import ADMIN_SETTINGS

PAGE = Path(__file__).parents[3] / "docs" / "admin.md"


def test_the_page_is_as_the_code_is():
    page = PAGE.read_text(encoding="utf-8")
    assert "| `/admin/ping` |" in page
    assert page == fill(page), "docs/admin.md is stale: run `make docs`"


def test_a_stale_part_is_noticed():
    page = "<!-- generated: limits -->\nold\n<!-- end -->\nkept"
    assert fill(page) != page
    assert fill(page).endswith("<!-- end -->\nkept")


def test_every_admin_setting_is_named():
    page = PAGE.read_text(encoding="utf-8")
    missing = [setting.variable for setting in ADMIN_SETTINGS if setting.variable not in page]
    assert missing == []
