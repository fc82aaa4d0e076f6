from __future__ import annotations

import pytest

from spanwise.admin import Tier, route
from spanwise.admin.routes import ROUTES, Route, Routes, docs_table


def handler(_request):
    """What it is. And more.

    Details.
    """
    return ""


def made(path: str, **more) -> Route:
    more = {"title": path, "group": "Misc"} | more
    return Route(path, handler, **more)


def table(*routes: Route) -> Routes:
    result = Routes()
    for each in routes:
        result.add(each)
    return result


def test_the_longest_match_wins():
    routes = table(made("/a/*"), made("/a/"), made("/a/b"), made("/a/b/*"), made("/a/b/c"))
    found = {path: routes.at(path)["GET"].path for path in ("/a/", "/a/x", "/a/b", "/a/b/x", "/a/b/c")}
    assert found == {"/a/": "/a/", "/a/x": "/a/*", "/a/b": "/a/b", "/a/b/x": "/a/b/*", "/a/b/c": "/a/b/c"}
    assert routes.at("/a") == {}
    assert routes.at("/A/b") == {}


def test_a_later_route_replaces_an_equal_one():
    first, second = made("/a"), made("/a", title="second")
    assert table(first, second).at("/a")["GET"] is second
    assert table(first, second).all() == [second]


def test_one_path_may_have_a_route_for_each_method():
    view, change = made("/a"), made("/a", methods=("POST", "DELETE"), tier=Tier.MUTATING)
    assert table(view, change).at("/a") == {"GET": view, "HEAD": view, "POST": change, "DELETE": change}


def test_the_index_has_the_groups_in_their_order():
    routes = table(
        made("/z", group="Zoo"),
        made("/m", group="Misc"),
        made("/b", group="Process Info", title="b"),
        made("/a", group="Process Info", title="C"),
        made("/hidden", group=""),
    )
    assert [each.path for each in routes.listed()] == ["/b", "/a", "/m", "/z"]


@pytest.mark.parametrize(
    ("path", "more", "message"),
    [
        ("admin", {}, "a path starts with /"),
        ("/a b", {}, "no spaces"),
        ("/a?b", {}, "no query"),
        ("/a", {"methods": ("get",)}, "upper-case"),
        ("/a", {"methods": ()}, "upper-case"),
        ("/a", {"methods": ("POST",)}, "every other method is of the mutating tier"),
        ("/a", {"methods": ("GET", "POST"), "tier": Tier.MUTATING}, "GET changes nothing"),
    ],
)
def test_what_cannot_be_a_route_says_why(path, more, message):
    with pytest.raises(ValueError, match=message):
        made(path, **more)


def test_the_decorator_registers_and_returns_the_function():
    decorated = route("/admin/test-routes", title="Test", group="Misc")(handler)
    assert decorated is handler
    assert ROUTES.at("/admin/test-routes")["GET"].tier is Tier.SENSITIVE


def test_the_docs_have_a_line_for_each_route():
    assert docs_table([made("/a", parameters=("b", "c=1"))]).splitlines()[2] == (
        "| `/a` | GET | sensitive | What it is. And more | `b`, `c=1` | `curl localhost:9990/a` |"
    )
