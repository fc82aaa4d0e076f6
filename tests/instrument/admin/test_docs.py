from __future__ import annotations

from pathlib import Path

import pytest

from spanwise.admin.docs import built_in_routes, fill
from spanwise.admin.messages import Tier
from spanwise.admin.routes import Route
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


# What is a name that the service gives: an example cannot know one that is there.
NAMES_OF_THE_SERVICE = ("/admin/captures/", "/admin/clients/", "/admin/servers/", "/admin/toggles/", "/health/")
READ = [each for each in built_in_routes() if "GET" in each.methods and "stream" not in each.path]


@pytest.mark.parametrize("each", READ, ids=lambda each: each.path)
def test_every_example_is_answered(admin, each):
    example = each.example.replace("seconds=5", "seconds=0.1") or each.path
    answer = admin.fetch(example)
    named = example.startswith(NAMES_OF_THE_SERVICE)
    assert answer.status in (200, 307, 404 if named else 200, 503 if each.probe else 200), answer.text


def test_a_route_with_a_choice_has_an_example():
    assert [each.path for each in built_in_routes() if "*" in each.path and not each.example] == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"path": "/admin/x"}, "curl localhost:9990/admin/x"),
        ({"path": "/admin/*", "example": "/admin/a?b=1"}, "curl 'localhost:9990/admin/a?b=1'"),
        ({"path": "/admin/x", "methods": ("DELETE",)}, "curl -X DELETE localhost:9990/admin/x"),
    ],
)
def test_an_example_is_as_it_is_typed(given, shown):
    tier = Tier.MUTATING if "methods" in given else Tier.OPEN
    assert Route(handler=lambda request: "", title="", group="", tier=tier, **given).shown_example == shown
