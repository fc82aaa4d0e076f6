"""A board as a page of its own, drawn from the same JSON and live query results, to look at without Grafana.

It is a look-alike made here, not Grafana: what Grafana makes of a board is not shown by it.
"""

from spanwise_dashboards.preview.pages import write_previews

__all__ = ["write_previews"]
