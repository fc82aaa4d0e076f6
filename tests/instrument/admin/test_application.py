from __future__ import annotations

import pytest

from spanwise.admin.messages import Tier


def test_a_near_miss_is_named(admin):
    got = admin.fetch("/admin/metric.json")
    assert (got.status, got.text) == (404, "There is no /admin/metric.json: did you mean /admin/metrics.json?\n")


def test_a_far_miss_says_where_to_look(admin):
    got = admin.fetch("/wp-login.php")
    assert (got.status, got.text) == (404, "There is no /wp-login.php: /admin.json lists what there is.\n")


def test_what_a_stranger_sent_is_not_echoed_raw(admin):
    got = admin.fetch("/%1b%5b31m" + "a" * 500)
    assert got.status == 404
    assert b"\x1b" not in got.body
    assert len(got.body) < 250


def test_a_wrong_method_gets_405_with_allow_and_no_body(admin):
    admin.add("/quit", lambda _request: "quitting\n", tier=Tier.MUTATING, methods=("POST",))
    got = admin.fetch("/quit")
    assert (got.status, got.headers["allow"], got.body) == (405, "POST", b"")
    assert admin.fetch("/admin/ping", "POST").headers["allow"] == "GET, HEAD"
    assert admin.fetch("/quit", "POST").text == "quitting\n"


@pytest.mark.parametrize("access", ["none", "read-only"])
def test_what_the_ceiling_closes_is_not_in_the_index(make_admin, access):
    admin = make_admin(access=access)
    admin.add("/admin/view", lambda _request: "x", title="View")
    admin.add("/admin/change", lambda _request: "x", title="Change", tier=Tier.MUTATING, methods=("POST",))
    index = admin.fetch("/admin.json").text
    assert ("/admin/view" in index) is (access == "read-only")
    assert '/admin/change"' not in index and "/admin/change<" not in index
    refused = admin.fetch("/admin/change", "POST")
    assert refused.status == 403
    assert refused.text == f"SPANWISE_ADMIN_ACCESS={access} closes the mutating tier of this service.\n"


def test_a_handler_sees_the_request_and_the_process(admin):
    seen = []
    admin.add("/x", lambda request: seen.append(request) or "")
    admin.fetch("/x?a=1&a=2&b=&c", x_test="Yes")
    [request] = seen
    assert (request.method, request.path, request.peer, request.own_port, request.trusted) == (
        "GET",
        "/x",
        "127.0.0.1",
        True,
        True,
    )
    assert request.query == {"a": ["1", "2"], "b": [""], "c": [""]}
    assert request.headers["x-test"] == "Yes"
    assert request.process is admin.server.application.process
    assert request.process.registry is admin.process.registry
    assert [request.flag(name) for name in ("a", "b", "c", "d")] == [False, True, True, False]
