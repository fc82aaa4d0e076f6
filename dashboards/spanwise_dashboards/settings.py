"""What `spanwise dashboards` can be told. From this table come `--help`, the docs and the error messages."""

from __future__ import annotations

import re

from spanwise.settings import DURATION, FLAG, LIST, PAIRS, PATH, TEXT, URL, Kind, Setting
from spanwise_dashboards.provisioning import FOLDER_UID
from spanwise_dashboards.rules import MAX_SCRAPE_INTERVAL_S

_TARGET = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")


def _parse_targets(text: str) -> tuple[str, ...]:
    targets = tuple(item.strip() for item in text.split(",") if item.strip())
    for target in targets:
        match = _TARGET.fullmatch(target)
        if match is None or not 0 < int(match[2]) < 65536:
            raise ValueError(target)
    return targets


TARGETS = Kind("targets", "one or more HOST:PORT, separated by commas", _parse_targets)

OUT = Setting("SPANWISE_DASHBOARDS_OUT", PATH, None, "The folder to write to; it is made where missing.", flag="--out")
COLLECTOR_URL = Setting(
    "SPANWISE_COLLECTOR_URL",
    URL,
    "http://127.0.0.1:9411",
    "The collector: where Prometheus asks for targets and where links to traces lead.",
    flag="--collector-url",
)
COLLECTOR_TARGET = Setting(
    "SPANWISE_COLLECTOR_TARGET",
    TARGETS,
    "127.0.0.1:9991",
    "The collector's own admin port, scraped like a service.",
    flag="--collector-target",
)
PROMETHEUS_URL = Setting(
    "SPANWISE_PROMETHEUS_URL",
    URL,
    "http://127.0.0.1:9090",
    "Prometheus as Grafana reaches it.",
    flag="--prometheus-url",
)
SCRAPE_INTERVAL = Setting(
    "SPANWISE_SCRAPE_INTERVAL",
    DURATION,
    "15s",
    "How often Prometheus scrapes and evaluates rules; Grafana is told the same.",
    low=0.1,
    high=MAX_SCRAPE_INTERVAL_S,
    flag="--scrape-interval",
)
STATIC_TARGETS = Setting(
    "SPANWISE_STATIC_TARGETS",
    TARGETS,
    None,
    "Services to scrape that do not register with the collector, as HOST:PORT of their admin port.",
    flag="--static-target",
)
GRAFANA_URL = Setting(
    "SPANWISE_GRAFANA_URL",
    URL,
    "http://127.0.0.1:3000",
    "Grafana as a browser reaches it: links in alerts, and where `push` and `diff` go.",
    flag="--grafana-url",
)
GRAFANA_FOLDER = Setting(
    "SPANWISE_GRAFANA_FOLDER",
    TEXT,
    FOLDER_UID,
    "The uid of the folder into which `push` puts boards that Grafana does not have yet.",
    flag="--folder",
)
GRAFANA_TOKEN = Setting(
    "SPANWISE_GRAFANA_TOKEN",
    TEXT,
    None,
    "The token of a Grafana service account, for `push` and `diff`.",
    secret=True,
)
OPENSLO = Setting(
    "SPANWISE_OPENSLO",
    LIST,
    None,
    "OpenSLO files with SLOs that no service declares itself.",
    flag="--openslo",
)
SERVICES = Setting(
    "SPANWISE_SERVICES",
    PATH,
    None,
    "Where services' own metrics are known from: `collector`, `prometheus` or a file; unset makes no boards of them.",
    flag="--services",
)
KUBERNETES = Setting(
    "SPANWISE_KUBERNETES",
    FLAG,
    "false",
    "Also write Kubernetes objects: ConfigMaps of boards, PrometheusRule, PodMonitor.",
    flag="--kubernetes",
)
KUBERNETES_NAMESPACE = Setting(
    "SPANWISE_KUBERNETES_NAMESPACE",
    TEXT,
    None,
    "The namespace in the objects' metadata; unset leaves it to `kubectl -n`.",
    flag="--kubernetes-namespace",
)
KUBERNETES_LABELS = Setting(
    "SPANWISE_KUBERNETES_LABELS",
    PAIRS,
    None,
    "Labels of the objects, such as the `release=...` by which a Prometheus operator selects them.",
    flag="--kubernetes-labels",
)
DASHBOARDS_PATH = Setting(
    "SPANWISE_GRAFANA_DASHBOARDS_PATH",
    PATH,
    "/var/lib/grafana/dashboards",
    "Where Grafana finds the folder grafana/dashboards of --out.",
    flag="--grafana-dashboards-path",
)

SETTINGS = (
    OUT,
    COLLECTOR_URL,
    COLLECTOR_TARGET,
    PROMETHEUS_URL,
    GRAFANA_URL,
    GRAFANA_FOLDER,
    GRAFANA_TOKEN,
    SCRAPE_INTERVAL,
    STATIC_TARGETS,
    OPENSLO,
    SERVICES,
    DASHBOARDS_PATH,
    KUBERNETES,
    KUBERNETES_NAMESPACE,
    KUBERNETES_LABELS,
)
REPEATED = (STATIC_TARGETS, OPENSLO)  # their flags may be given more than once
# What each sub-command has flags for.
SOURCE_SETTINGS = (COLLECTOR_URL, PROMETHEUS_URL, SERVICES)
GRAFANA_SETTINGS = (GRAFANA_URL, GRAFANA_FOLDER, *SOURCE_SETTINGS)
GENERATE_SETTINGS = tuple(setting for setting in SETTINGS if setting not in (GRAFANA_FOLDER, GRAFANA_TOKEN))
DIFF_SETTINGS = tuple(setting for setting in GENERATE_SETTINGS if setting is not OUT)
