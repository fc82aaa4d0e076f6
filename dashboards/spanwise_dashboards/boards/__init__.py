"""The boards. Each is a module with one function; `all_boards` is the list that is generated.

For whoever runs the queries (`Board`, `Panel` and `Query` are in `spanwise_dashboards.board`):

```python
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.variables import fill_variables

for board in all_boards():
    for panel in board.panels:
        for query in panel.queries:
            promql = fill_variables(query.expr, service_name="catalog", rate_interval="5s", range="1m")
            query.needs   # a spanwise.standard.ServiceKind: every service of this kind must have data
            query.labels  # `service_name` in it: one series or more for each such service
```
A query whose `expr` names `$service_name` is asked once for each service; any other once for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spanwise.standard import METRICS, Metric
from spanwise_dashboards.board import Board
from spanwise_dashboards.boards.collector import collector
from spanwise_dashboards.boards.compare import compare
from spanwise_dashboards.boards.dependencies import dependencies
from spanwise_dashboards.boards.fleet import fleet
from spanwise_dashboards.boards.own import own_metrics
from spanwise_dashboards.boards.routes import routes
from spanwise_dashboards.boards.runtime import runtime
from spanwise_dashboards.boards.service import service
from spanwise_dashboards.boards.slos import slos
from spanwise_dashboards.collector_metrics import COLLECTOR_BY_NAME
from spanwise_dashboards.discovery import Service

COLLECTOR_URL = "http://127.0.0.1:9411"


def all_boards(collector_url: str = COLLECTOR_URL, metrics: tuple[Metric, ...] = METRICS) -> list[Board]:
    """Every board that needs no list of services. `collector_url` is where a browser reaches the collector, for the
    links to traces."""
    return [
        fleet(),
        service(collector_url, metrics),
        compare(),
        routes(),
        runtime(),
        dependencies(),
        slos(),
        collector(),
    ]


def own_boards(services: Iterable[Service]) -> Iterator[Board]:
    """A board for each service that declares metrics; the collector's are on its own board already."""
    for one in services:
        metrics = tuple(metric for metric in one.metrics if metric.name not in COLLECTOR_BY_NAME)
        if metrics:
            yield own_metrics(one.name, metrics, one.owner, one.slos)
