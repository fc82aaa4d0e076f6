from __future__ import annotations

import json


def test_it_is_one_flat_object(admin):
    got = admin.fetch("/admin/metrics.json", accept="text/html")
    assert got.headers["content-type"] == "application/json;charset=UTF-8"
    assert got.body.count(b"\n") == 1
    data = json.loads(got.body)
    assert data["orders_placed_total"] == 7
    assert all(isinstance(value, (int, float)) for value in data.values())
    assert b'"orders_placed_total":7,' in got.body or b'"orders_placed_total":7}' in got.body


def test_pretty_is_sorted_and_has_lines(admin):
    for value in ("true", "1"):
        text = admin.fetch(f"/admin/metrics.json?pretty={value}").text
        names = list(json.loads(text))
        assert names == sorted(names)
        assert text.startswith('{\n  "http_server_active_requests/GET": 2,\n')
    assert admin.fetch("/admin/metrics.json?pretty=false").body.count(b"\n") == 1
