"""Grafana's data sources: what links where, and that the queries behind the links are sound."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from spanwise.settings import resolve
from spanwise.standard import HTTP_SERVER_REQUEST_DURATION, IDENTITY_LABELS
from spanwise_dashboards.checks import check_expression
from spanwise_dashboards.data_sources import PROMETHEUS_UID, TRACE_KINDS
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate
from spanwise_dashboards.variables import fill_variables


def generated(**arguments: Any) -> dict[str, dict[str, Any]]:
    text = generate(resolve(SETTINGS, arguments, environ={}))["grafana/provisioning/datasources/spanwise.yaml"]
    return {one["type"]: one for one in yaml.safe_load(text)["datasources"]}


def test_there_is_one_of_each_kind_and_prometheus_is_the_default() -> None:
    found = generated()
    assert tuple(found) == ("prometheus", "tempo", "jaeger", "zipkin")
    assert [kind for kind, one in found.items() if one.get("isDefault")] == ["prometheus"]
    assert len({one["uid"] for one in found.values()}) == len({one["name"] for one in found.values()}) == 4


def test_an_exemplar_leads_to_its_trace_here_and_in_grafana() -> None:
    found = generated(SPANWISE_COLLECTOR_URL="http://collector:9411")
    page, inside = found["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    # The name is that of the exemplar's label; `$$` is Grafana's way to write a `$` that it must not fill in.
    assert page["name"] == inside["name"] == "trace_id"
    assert page["url"] == "http://collector:9411/trace/$${__value.raw}"
    assert inside["datasourceUid"] in {one["uid"] for one in found.values()}


def test_grafana_knows_the_scrape_interval() -> None:
    assert generated(SPANWISE_SCRAPE_INTERVAL="5s")["prometheus"]["jsonData"]["timeInterval"] == "5s"


def test_the_data_source_has_the_uid_that_links_may_hold() -> None:
    assert generated()["prometheus"]["uid"] == PROMETHEUS_UID == fill_variables("${datasource}")


@pytest.mark.parametrize("kind", TRACE_KINDS)
def test_a_trace_source_leads_to_the_collector_with_the_token_of_grafanas_environment(kind: str) -> None:
    one = generated(SPANWISE_COLLECTOR_URL="http://collector:9411")[kind]
    assert one["url"] == "http://collector:9411"
    assert one["jsonData"]["httpHeaderName1"] == "Authorization"
    assert one["secureJsonData"] == {"httpHeaderValue1": "Bearer $SPANWISE_COLLECTOR_READ_TOKEN"}
    assert one["jsonData"]["nodeGraph"] == {"enabled": True}


@pytest.mark.parametrize("kind", TRACE_KINDS)
def test_a_span_leads_to_the_metrics_of_its_service(kind: str, prometheus: Any) -> None:
    there = generated()[kind]["jsonData"]["tracesToMetrics"]
    assert there["datasourceUid"] == PROMETHEUS_UID
    labels = {tag["value"] for tag in there["tags"]}
    assert labels <= {*IDENTITY_LABELS, *HTTP_SERVER_REQUEST_DURATION.labels}
    assert {tag["value"] for tag in there["tags"]} == {tag["key"].replace(".", "_") for tag in there["tags"]}
    for query in there["queries"]:
        # Grafana reads `$$` as `$` and puts the tags in the place of `$__tags`.
        assert "$$__tags" in query["query"] and not re.search(r"(?<!\$)\$_", query["query"])
        filled = query["query"].replace("$$__tags", 'service_name="gateway", http_route="/albums"')
        assert check_expression(filled) == []
        assert len(prometheus.query(filled)) == 1, query["name"]


def test_the_service_map_is_tempos_alone_and_nothing_is_streamed() -> None:
    found = generated()
    assert found["tempo"]["jsonData"]["serviceMap"] == {"datasourceUid": PROMETHEUS_UID}
    assert found["tempo"]["jsonData"]["streamingEnabled"] == {"search": False, "metrics": False}
    assert "serviceMap" not in found["jaeger"]["jsonData"]
