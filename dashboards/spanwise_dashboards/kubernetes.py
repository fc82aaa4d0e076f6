"""The same boards, rules and scraping as Kubernetes objects: for Grafana's sidecar and the Prometheus operator.

Boards become ConfigMaps, one each, which the sidecar of Grafana's Helm chart finds by their label. Rules become
`PrometheusRule`s, scraping a `PodMonitor`, and for a Prometheus without the operator a scrape configuration with the
same relabel rules. Nothing here talks to a cluster.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanwise_dashboards.provisioning import DEFAULT_SCRAPE_TIMEOUT_S, FOLDER_TITLE, duration

Json = dict[str, Any]
MOST_CONFIG_MAP_BYTES = 1_048_576  # what the API server takes as the data of one ConfigMap
# The operator copies rules into ConfigMaps of its own, several objects to one; small ones leave it room.
MOST_RULE_BYTES = 400_000
ADMIN_PORT_NAME = "spanwise-admin"  # 15 characters at most
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 63
_POD = "__meta_kubernetes_pod_"


class TooLarge(Exception):
    """One line: what does not fit an object of Kubernetes, and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """`namespace` None leaves the choice to `kubectl -n`; `labels` are those by which an operator selects objects."""

    namespace: str | None
    labels: Mapping[str, str]

    def metadata(self, name: str, labels: Mapping[str, str] | None = None, **more: Any) -> Json:
        where = {"namespace": self.namespace} if self.namespace else {}
        every = {"app.kubernetes.io/managed-by": "spanwise", **(labels or {}), **self.labels}
        return {"name": name, **where, "labels": dict(sorted(every.items())), **more}


@dataclass(frozen=True, slots=True)
class Relabel:
    """One relabel rule, written as Prometheus or as its operator reads it."""

    sources: tuple[str, ...]
    target: str = ""
    regex: str = "(.+)"
    replacement: str = "$1"
    action: str = "replace"

    def for_prometheus(self) -> Json:
        return self._as("source_labels", "target_label")

    def for_operator(self) -> Json:
        return self._as("sourceLabels", "targetLabel")

    def _as(self, sources: str, target: str) -> Json:
        written = {sources: list(self.sources), "regex": self.regex, "action": self.action}
        return written if self.action == "keep" else {**written, target: self.target, "replacement": self.replacement}


# Identity label -> where a pod says it, the later winning: the recommended labels of Kubernetes, and the annotations of
# OpenTelemetry's conventions ("Specify resource attributes using Kubernetes annotations").
_IDENTITY = {
    "service_name": ("label_app_kubernetes_io_name", "annotation_resource_opentelemetry_io_service_name"),
    "service_version": ("label_app_kubernetes_io_version", "annotation_resource_opentelemetry_io_service_version"),
    "deployment_environment_name": ("annotation_resource_opentelemetry_io_deployment_environment_name",),
}
_KEEP_ADMIN_PORTS = Relabel((f"{_POD}container_port_name",), regex=ADMIN_PORT_NAME, action="keep")
RELABEL_RULES: tuple[Relabel, ...] = (
    *(Relabel((_POD + source,), label) for label, sources in _IDENTITY.items() for source in sources),
    # A pod that says all three is asked for lines without them; any other one writes them on every line.
    Relabel(tuple(_IDENTITY), "__param_identity", regex=".+;.+;.+", replacement="target"),
    Relabel((f"{_POD}name", f"{_POD}container_port_number"), "instance", regex="(.+);(.+)", replacement="$1:$2"),
)


def config_map(place: Place, uid: str, document: Json) -> str:
    """A board as YAML text. Raises TooLarge."""
    name, key = object_name(uid), f"{uid}.json"
    # ASCII on one line: a block of YAML that no character can end, and that needs no scanning for one.
    body = json.dumps(document, separators=(",", ":"), sort_keys=True)
    if len(key) + len(body) > MOST_CONFIG_MAP_BYTES:
        raise TooLarge(
            f"the board {uid} is {len(body)} bytes long, and a ConfigMap holds {MOST_CONFIG_MAP_BYTES}: "
            "let the service declare fewer metrics, or publish this board with `push` and without --kubernetes"
        )
    metadata = place.metadata(name, {"grafana_dashboard": "1"}, annotations={"grafana_folder": FOLDER_TITLE})
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    return f"{_flow(head)}data:\n  {json.dumps(key)}: |-\n    {body}\n"


def _flow(head: Json) -> str:
    """Keys of the first level as lines, their values as JSON, which is YAML."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in head.items())


def object_name(uid: str) -> str:
    """A name that Kubernetes takes (RFC 1123): the uid, or where that cannot be one, what it can be with a checksum."""
    if _NAME.fullmatch(uid) and len(uid) <= _LONGEST_NAME:
        return uid
    plain = re.sub(r"[^a-z0-9]+", "-", uid.lower()).strip("-")
    return f"{plain[: _LONGEST_NAME - 9]}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


def data_sources(place: Place, document: Json) -> Json:
    """Grafana's data sources for the sidecar, which reads ConfigMaps with the label `grafana_datasource`."""
    metadata = place.metadata("spanwise-datasources", {"grafana_datasource": "1"})
    text = json.dumps(document, indent=2) + "\n"
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"spanwise.yaml": text}}


def prometheus_rules(place: Place, groups: Sequence[Json]) -> list[Json]:
    """The rule groups in as many objects as their size asks for. Raises TooLarge for a group that fits none."""
    objects: list[list[Json]] = [[]]
    room = MOST_RULE_BYTES
    for group in groups:
        size = len(json.dumps(group))
        if size > MOST_RULE_BYTES:
            raise TooLarge(
                f"the rule group {group['name']} is {size} bytes long, and an object holds {MOST_RULE_BYTES}"
            )
        if size > room:
            objects.append([])
            room = MOST_RULE_BYTES
        objects[-1].append(group)
        room -= size
    names = ["spanwise", *(f"spanwise-{number}" for number in range(2, len(objects) + 1))]
    return [
        _operators("PrometheusRule", place.metadata(name), {"groups": inside})
        for name, inside in zip(names, objects, strict=True)
    ]


def pod_monitor(place: Place, scrape_interval_s: float) -> Json:
    """Every pod, in every namespace, with a container port of the name `spanwise-admin`."""
    endpoint = {
        "port": ADMIN_PORT_NAME,
        "path": "/metrics",
        "interval": duration(scrape_interval_s),
        "scrapeTimeout": duration(min(scrape_interval_s, DEFAULT_SCRAPE_TIMEOUT_S)),
        "honorLabels": True,
        "relabelings": [rule.for_operator() for rule in RELABEL_RULES],
    }
    spec = {"namespaceSelector": {"any": True}, "selector": {}, "podMetricsEndpoints": [endpoint]}
    return _operators("PodMonitor", place.metadata("spanwise"), spec)


def scrape_config() -> Json:
    """The same for a Prometheus without the operator (`scrape_config_files`, or copied)."""
    return {"scrape_configs": [scrape_job({"kubernetes_sd_configs": [{"role": "pod"}]})]}


def scrape_job(discovery: Json) -> Json:
    """The job with this way to discover pods."""
    rules: Iterable[Relabel] = (_KEEP_ADMIN_PORTS, *RELABEL_RULES)
    return {
        "job_name": "spanwise-pods",
        "honor_labels": True,
        "metrics_path": "/metrics",
        **discovery,
        "relabel_configs": [rule.for_prometheus() for rule in rules],
    }


def _operators(kind: str, metadata: Json, spec: Json) -> Json:
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": metadata, "spec": spec}
