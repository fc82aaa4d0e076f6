"""Links down: from the fleet to a service, from a service to its traces and to an instance's `/admin`.

Grafana fills in `${...}`; `:queryparam` writes a variable as `var-name=value`.
"""

from __future__ import annotations

from typing import Any

FLEET_UID = "spanwise-fleet"
SERVICE_UID = "spanwise-service"
COMPARE_UID = "spanwise-compare"
ROUTES_UID = "spanwise-routes"
RUNTIME_UID = "spanwise-runtime"
DEPENDENCIES_UID = "spanwise-dependencies"
SLO_UID = "spanwise-slo"
COLLECTOR_UID = "spanwise-collector"
_KEEP = "${datasource:queryparam}&${environment:queryparam}&${__url_time_range}"


def to_service(service: str) -> str:
    """The Service board of the service that the template expression `service` comes to."""
    return f"/d/{SERVICE_UID}?{_KEEP}&var-service_name={service}"


# What the service is called where the link is: on a series, in a cell, in a repeated row.
SERVICE_OF_SERIES = to_service("${__field.labels.service_name}")
SERVICE_OF_CELL = to_service("${__value.text}")
SERVICE_OF_ROW = to_service("${service_name}")


def to_traces(collector_url: str) -> str:
    """The collector's newest traces of the chosen service."""
    return f"{collector_url}/?service=${{service_name:percentencode}}"


_BOARDS = {
    FLEET_UID: ("Fleet", "Every service side by side"),
    SERVICE_UID: ("Service", "One service in detail"),
    COMPARE_UID: ("Compare", "Two services, versions, instances or times, left and right"),
    ROUTES_UID: ("Routes", "Routes side by side"),
    RUNTIME_UID: ("Runtime", "Processes: CPU, memory, garbage collection"),
    DEPENDENCIES_UID: ("Dependencies", "Who calls whom, and how it goes"),
    SLO_UID: ("SLO", "Objectives and error budgets"),
    COLLECTOR_UID: ("Collector", "How the span collector is doing"),
}


def to_boards(own: str) -> tuple[dict[str, Any], ...]:
    """Links from one board to every other."""
    return tuple(board_link(title, f"/d/{uid}", tip) for uid, (title, tip) in _BOARDS.items() if uid != own)


def panel_link(title: str, url: str) -> dict[str, Any]:
    """A link in a panel's head, or on a series or cell; addresses outside Grafana open in a new tab."""
    return {"title": title, "url": url, "targetBlank": not url.startswith("/")}


def board_link(title: str, url: str, tooltip: str) -> dict[str, Any]:
    """A link at the top of a board. Ours lead to other boards keep variables and time."""
    inside = url.startswith("/")
    return {
        "asDropdown": False,
        "icon": "dashboard" if inside else "external link",
        "includeVars": inside,
        "keepTime": inside,
        "tags": [],
        "targetBlank": not inside,
        "title": title,
        "tooltip": tooltip,
        "type": "link",
        "url": url,
    }
