from __future__ import annotations

import json

from spanwise.admin.builtin import app_routes
from spanwise.diagnosis.app_routes import AppRoute


def test_each_route_has_its_requests_and_those_without_are_listed(admin, monkeypatch):
    routes = [AppRoute("/orders", ("POST",), "place"), AppRoute("/orders/{id}", (), "show"), AppRoute("/x<b>", (), "x")]
    monkeypatch.setattr(app_routes, "app_routes", lambda app: routes)
    found = json.loads(admin.fetch("/admin/routes", accept="application/json").body)["routes"]
    assert [(each["route"], each["requests"]) for each in found] == [("/orders", 1), ("/orders/{id}", 9), ("/x<b>", 0)]
    assert "         0 any /x<b> x\n" in admin.fetch("/admin/routes").text
    page = admin.fetch("/admin/routes", accept="text/html").text
    assert "/x&lt;b&gt;" in page and "/x<b>" not in page
