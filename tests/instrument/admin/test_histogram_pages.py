from __future__ import annotations

import json

import pytest

BROWSER = "text/html,*/*;q=0.8"
NAME = "http_server_request_duration_seconds/GET/%2Forders%2F{id}/200"
QUOTED = NAME.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


def ask(admin, path):
    return json.loads(admin.fetch(path).body)


def test_buckets_that_are_not_empty(admin):
    data = ask(admin, "/admin/histograms.json")
    assert data[NAME] == [{"lower_limit": 0.01, "upper_limit": 0.025, "count": 9}]
    assert ask(admin, f"/admin/histograms?h={QUOTED}&fmt=raw") == {NAME: data[NAME]}


def test_what_is_above_the_highest_bound_has_no_upper_limit(admin, registry):
    histogram = registry._names_to_collectors["http_server_request_duration_seconds"]
    histogram.labels("GET", "/orders/{id}", "200").observe(60)
    data = ask(admin, f"/admin/histograms.json?h={QUOTED}")
    assert data[NAME][-1] == {"lower_limit": 10.0, "upper_limit": None, "count": 1}
    cdf = ask(admin, f"/admin/histograms?h={QUOTED}&fmt=cdf")[NAME]
    assert [each["percentage"] for each in cdf] == [0.9, 1.0]
    pdf = ask(admin, f"/admin/histograms?h={QUOTED}&fmt=pdf")[NAME]
    assert pdf[1] == {"lower_limit": 10.0, "upper_limit": None, "percentage": 0.1}


def test_a_summary_is_flat_and_its_p999_is_written_so(admin):
    data = ask(admin, f"/admin/histograms.json?h={QUOTED}&summary")
    assert set(data) == {"name", "count", "sum", "average", "percentiles"}
    assert (data["name"], data["count"], round(data["sum"], 6), round(data["average"], 6)) == (NAME, 9, 0.18, 0.02)
    assert list(data["percentiles"]) == ["p50", "p90", "p95", "p99", "p999", "p9999"]


@pytest.mark.parametrize("path", ["/admin/histograms.json?h=nothing&summary", "/admin/histograms?h=nothing"])
def test_an_unknown_one_is_an_empty_object(admin, path):
    assert ask(admin, path) == {}


def test_a_wrong_format_is_a_400(admin):
    assert admin.fetch("/admin/histograms?fmt=jpeg").status == 400


def test_the_page_draws_it(admin):
    html = admin.fetch(f"/admin/histograms?h={QUOTED}", accept=BROWSER).text
    assert "0.01 – 0.025" in html and "<option selected>" in html
    assert "plot" not in html
