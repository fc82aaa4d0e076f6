"""One metric, by its labels, in the shape of Spring Boot's metrics endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from spanwise.admin.histograms import Buckets
from spanwise.admin.messages import Invalid, NotThere, Request, Tier
from spanwise.admin.parameters import shown
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.series import PERCENTILES, histograms
from spanwise.exposition import families

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

_PATH = "/admin/metric/"
_MOST_VALUES = 1000
Labels = Mapping[str, str]


@route(
    f"{_PATH}*",
    title="A metric by its labels",
    group=UNLISTED,
    tier=Tier.OPEN,
    parameters=("tag=label:value",),
    example=f"{_PATH}http_server_request_duration_seconds?tag=http_request_method:GET",
)
def metric(request: Request) -> dict[str, Any]:
    """One metric added up, of the series with every given `tag`, and which labels with which values are left."""
    name = request.path.removeprefix(_PATH)
    rows = {row.name: row for row in request.process.metrics()}
    family = next((each for each in families(request.process.registry) if name in (each.name, _full(each))), None)
    if family is None:
        raise NotThere(
            f"There is no metric {shown(name)}: /admin/metrics.json has their names, before the first slash."
        )
    tags = _tags(request.query.get("tag", ()))
    measurements, left = _measured(family, tags)
    if not measurements and tags:
        raise NotThere(f"No series of {shown(name)} has these tags.")
    row = rows.get(name) or rows.get(_full(family))
    return {
        "name": name,
        "description": row.description if row is not None else family.documentation,
        "baseUnit": (row.unit if row is not None else family.unit) or None,
        "measurements": measurements,
        "availableTags": [
            {"tag": label, "values": sorted(values)[:_MOST_VALUES]}
            for label, values in left.items()
            if label not in tags
        ],
    }


def _full(family: Family) -> str:
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


def _tags(given: Iterable[str]) -> dict[str, str]:
    tags = {}
    for each in given:
        label, colon, value = each.partition(":")
        if not colon or not label:
            raise Invalid(f"tag={shown(each)} is not a label and a value, such as tag=http_route:/orders.")
        tags[label] = value
    return tags


def _measured(family: Family, tags: Labels) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    if family.type in ("histogram", "gaugehistogram"):
        return _of_histogram(family, tags)
    total, found, left = 0.0, False, _Left()
    for sample in family.samples:
        if sample.name.endswith("_created") or not _has(sample.labels, tags):
            continue
        total, found = total + sample.value, True
        left.note(sample.labels)
    statistic = "COUNT" if family.type == "counter" else "VALUE"
    return ([{"statistic": statistic, "value": total}] if found else []), left.values


def _of_histogram(family: Family, tags: Labels) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    total, left = Buckets(), _Left()
    for labels, buckets in histograms(family):
        if _has(labels, tags):
            total.add(buckets)
            left.note(labels)
    if not left.noted:
        return [], left.values
    measured = {"COUNT": total.count, "TOTAL": total.sum, "MEAN": total.average}
    measured |= {f"P{suffix[2:]}": total.quantile(share) for share, suffix in PERCENTILES.items()}
    return [{"statistic": name, "value": value} for name, value in measured.items() if value == value], left.values


class _Left:
    """Which labels with which values the series have that were looked at."""

    def __init__(self) -> None:
        self.values: dict[str, set[str]] = {}
        self.noted = False

    def note(self, labels: Labels) -> None:
        self.noted = True
        for label, value in labels.items():
            self.values.setdefault(label, set()).add(value)


def _has(labels: Labels, tags: Labels) -> bool:
    return all(labels.get(label) == value for label, value in tags.items())
