from __future__ import annotations

import json

NAME = "http_server_request_duration_seconds"


def ask(admin, path):
    answer = admin.fetch(f"/admin/metric/{path}")
    return answer.status, json.loads(answer.body) if answer.status == 200 else answer.text


def measured(found):
    return {each["statistic"]: each["value"] for each in found["measurements"]}


def test_a_histogram_is_added_up_and_its_labels_are_named(admin):
    status, found = ask(admin, NAME)
    assert (status, found["name"], found["baseUnit"]) == (200, NAME, "s")
    assert measured(found)["COUNT"] == 10
    assert {"TOTAL", "MEAN", "P50", "P99", "P9990"} <= set(measured(found))
    tags = {each["tag"]: each["values"] for each in found["availableTags"]}
    assert tags["http_route"] == ["/orders", "/orders/{id}"]
    assert tags["http_response_status_code"] == ["200", "500"]


def test_tags_drill_down(admin):
    status, found = ask(admin, f"{NAME}?tag=http_request_method:POST&tag=http_route:/orders")
    assert (status, measured(found)["COUNT"]) == (200, 1)
    assert [each["tag"] for each in found["availableTags"]] == ["http_response_status_code"]


def test_counters_and_gauges(admin):
    assert measured(ask(admin, "orders_placed_total")[1]) == {"COUNT": 7}
    assert measured(ask(admin, "http_server_active_requests?tag=http_request_method:GET")[1]) == {"VALUE": 2}


def test_what_is_not_there_is_a_404_and_what_is_no_tag_a_400(admin):
    assert ask(admin, "nothing")[0] == 404
    assert ask(admin, f"{NAME}?tag=http_route:/none")[0] == 404
    assert ask(admin, f"{NAME}?tag=http_route")[0] == 400
    assert ask(admin, "expressions.json")[0] == 200
