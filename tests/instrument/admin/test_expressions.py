from __future__ import annotations

import json

from spanwise import objectives


def ask(admin, query=""):
    return json.loads(admin.fetch(f"/admin/metric/expressions.json{query}").body)


def test_the_shape_is_twitter_server_s(admin):
    data = ask(admin)
    assert (data["@version"], data["counters_latched"], data["separator_char"]) == (1.1, False, "/")
    first = data["expressions"][0]
    assert set(first) == {
        "name", "labels", "namespaces", "expression", "promql", "bounds", "description", "unit"
    }  # fmt: skip
    assert first["name"] == "success_rate"
    assert first["labels"] == {"process_path": "Unspecified", "service_name": "checkout", "role": "Server"}
    assert first["bounds"] == {
        "kind": "monotone",
        "operator": ">",
        "bad_threshold": 99.5,
        "good_threshold": 99.97,
        "lower_bound_inclusive": None,
        "upper_bound_exclusive": None,
    }


def test_every_expression_is_promql(admin, monkeypatch):
    import promql_parser

    monkeypatch.setattr(objectives, "_objectives", {"fast": _objective()})
    data = ask(admin)["expressions"]
    assert any(each["name"] == "fast" for each in data)
    for each in data:
        promql_parser.parse(each["promql"])


def _objective():
    return objectives.Objective("fast", 0.99, None, 0.25, None, None)


def test_an_objective_is_its_own_bound(admin, monkeypatch):
    monkeypatch.setattr(objectives, "_objectives", {"fast": _objective()})
    [found] = ask(admin, "?name=fast")["expressions"]
    assert found["bounds"]["good_threshold"] == 99.0
    assert found["description"] == "Share of good events; the objective is 99 %, good is within 0.25 s"


def test_by_name_and_namespace(admin):
    assert {each["name"] for each in ask(admin, "?name=throughput")["expressions"]} == {"throughput"}
    assert {each["namespaces"][0] for each in ask(admin, "?namespace=client")["expressions"]} == {"client"}
    assert ask(admin, "?namespace=a:b")["expressions"] == []
    names = json.loads(admin.fetch("/admin/namespaces").body)
    assert names["@version"] == 1.0
    assert {"name": "server"} in names["namespaces"]
