"""Links keep what was chosen, and lead down: fleet, service, trace, `/admin`."""

from __future__ import annotations

from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.links import board_link, panel_link, to_service, to_traces


def test_a_link_to_a_service_keeps_data_source_environment_and_time() -> None:
    url = to_service("catalog")
    assert url.startswith("/d/spanwise-service?") and url.endswith("&var-service_name=catalog")
    for kept in ("${datasource:queryparam}", "${environment:queryparam}", "${__url_time_range}"):
        assert kept in url


def test_a_link_to_traces_is_percent_encoded_and_opens_beside_the_board() -> None:
    url = to_traces("http://127.0.0.1:9411")
    assert url == "http://127.0.0.1:9411/?service=${service_name:percentencode}"
    assert panel_link("Traces", url)["targetBlank"] is True
    assert panel_link("Service", "/d/x")["targetBlank"] is False


def test_a_link_between_boards_keeps_variables_and_time() -> None:
    inside = board_link("Fleet", "/d/spanwise-fleet", "")
    outside = board_link("Traces", "http://c", "")
    assert (inside["includeVars"], inside["keepTime"]) == (True, True)
    assert (outside["includeVars"], outside["keepTime"]) == (False, False)


def test_every_panel_of_the_fleet_leads_to_a_service_and_every_request_panel_to_traces() -> None:
    fleet, service = (board.to_json() for board in all_boards("http://collector:9411")[:2])
    for panel in fleet["panels"]:
        if panel["type"] != "row":
            assert "/d/spanwise-service" in str(panel), panel["title"]
    for panel in service["panels"]:
        if any("http_server_request" in target.get("expr", "") for target in panel.get("targets", [])):
            assert "http://collector:9411/" in str(panel.get("links")), panel["title"]
