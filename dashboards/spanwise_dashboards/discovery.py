"""Which services there are, and what they declare: from the collector's registry, from Prometheus, or from a file.

Only boards of a service's own metrics need this; every other board finds services by its variables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from spanwise.standard import BY_NAME, BY_SERIES, SLO_OBJECTIVE, TARGET_INFO, Better, Kind, Metric, Role, ServiceKind
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.prometheus import Prometheus
from spanwise_dashboards.prometheus_metrics import PROMETHEUS_METRICS
from spanwise_dashboards.rules import recording_rules

TIMEOUT_S = 5.0
_ASKED_AT_ONCE = 16
_UNNAMED = {"", "Unspecified", None}
_KINDS = {kind.value: kind for kind in Kind}
_UNITS = (("_seconds", "s"), ("_bytes", "By"), ("_ratio", "1"))


class DiscoveryError(Exception):
    """One line: where, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """`metrics` are those that the service declares itself, sorted by name."""

    name: str
    versions: tuple[str, ...] = ()
    owner: str = ""
    metrics: tuple[Metric, ...] = ()
    slos: tuple[str, ...] = ()


def discover(source: str | None, collector_url: str, prometheus_url: str) -> list[Service]:
    """`collector`, `prometheus`, a file, or nothing. Raises DiscoveryError and PrometheusError."""
    if not source:
        return []
    if source == "collector":
        return from_collector(collector_url)
    return from_prometheus(Prometheus(prometheus_url)) if source == "prometheus" else from_file(source)


def from_file(path: str) -> list[Service]:
    """`{"services": [{"name", "versions", "owner", "slos", "metrics": [{"name", "kind", "unit", "description",
    "labels", "better"}]}]}` as JSON or YAML. Raises DiscoveryError."""
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8")) if path.endswith((".yml", ".yaml")) else None
        document = document or json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DiscoveryError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise DiscoveryError(f"{path} is neither JSON nor YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("services"), list):
        raise DiscoveryError(f"{path} has no list `services`")
    return _sorted(_service(path, entry) for entry in document["services"])


def _service(path: str, entry: Any) -> Service:
    if not isinstance(entry, dict) or not entry.get("name"):
        raise DiscoveryError(f"{path}: a service has no name: {entry!r}")
    metrics = [metric for one in entry.get("metrics") or [] if (metric := _metric(f"{path}: {entry['name']}", one))]
    return Service(
        str(entry["name"]),
        tuple(sorted(map(str, entry.get("versions") or ()))),
        str(entry.get("owner") or ""),
        tuple(sorted(metrics, key=lambda one: one.name)),
        tuple(sorted(map(str, entry.get("slos") or ()))),
    )


def _metric(where: str, entry: dict[str, Any]) -> Metric | None:
    """A metric of the service's own; None for one of the standard. Raises DiscoveryError."""
    name = str(entry.get("name", ""))
    if name in BY_NAME or not name:
        return None
    kind = _KINDS.get(str(entry.get("kind", "")).lower())
    if kind is None:
        raise DiscoveryError(
            f"{where}: metric {name} is of the kind {entry.get('kind')!r}, not counter, gauge, histogram"
        )
    unit = entry.get("unit")
    return Metric(
        name=name,
        kind=kind,
        unit=_unit_of(name) if unit in _UNNAMED else str(unit),
        description=str(entry.get("description") or name),
        role=Role.RATE if kind is Kind.COUNTER else Role.SATURATION,
        had_by=ServiceKind.EVERY,
        better=Better(entry.get("better") or "neither"),
        labels=tuple(entry.get("labels") or entry.get("label_names") or ()),
        domain=(None, None),
    )


def _unit_of(name: str) -> str:
    """What the suffix of a Prometheus name says; `{thing}` where it says nothing."""
    plain = name.removesuffix("_total")
    return next((unit for suffix, unit in _UNITS if plain.endswith(suffix)), "{thing}")


def from_collector(url: str) -> list[Service]:
    """Every service in the registry, and what its instances say at `/admin/metric_metadata.json`. Raises
    DiscoveryError."""
    instances = _get(f"{url}/api/spanwise/instances", "the collector").get("instances", [])
    by_service: dict[str, list[dict[str, Any]]] = {}
    for instance in instances:
        by_service.setdefault(str(instance["identity"].get("service.name", "")), []).append(instance)
    with Progress("asking services", len(by_service)) as progress, ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:

        def ask(item: tuple[str, list[dict[str, Any]]]) -> Service:
            found = _registered(*item)
            progress.step()
            return found

        return _sorted(pool.map(ask, sorted(by_service.items())))


def _registered(name: str, instances: Sequence[dict[str, Any]]) -> Service:
    """One that does not answer has no metrics of its own this time, which is no reason to fail for all."""
    entries: list[dict[str, Any]] = []
    for instance in instances:
        try:
            entries = _get(f"{instance['admin_url']}/admin/metric_metadata.json", name).get("metrics", [])
            break
        except DiscoveryError:
            continue
    identities = [instance["identity"] for instance in instances]
    versions = {str(one.get("service.version", "")) for one in identities} - {""}
    owners = [str(one["spanwise.owner"]) for one in identities if one.get("spanwise.owner")]
    return _service(
        name, {"name": name, "versions": versions, "owner": owners[0] if owners else "", "metrics": entries}
    )


def from_prometheus(prometheus: Prometheus) -> list[Service]:
    """Every service with a `target_info`, and the metrics of its own as scraped. Raises PrometheusError."""
    infos = prometheus.instant(f"group by (service_name, service_version, spanwise_owner) ({TARGET_INFO.name})")
    records = {rule.record for rule in recording_rules()} | {metric.name for metric in PROMETHEUS_METRICS}
    series = prometheus.instant('group by (__name__, service_name) ({service_name!=""})')
    objectives = prometheus.instant(f"group by (service_name, slo) ({SLO_OBJECTIVE.name})")
    scraped = prometheus.metadata()
    services: dict[str, dict[str, Any]] = {}
    for info in infos:
        labels = info["metric"]
        entry = services.setdefault(
            labels["service_name"],
            {"name": labels["service_name"], "versions": set(), "names": set(), "slos": set()},
        )
        entry["versions"].add(labels.get("service_version", ""))
        entry["owner"] = labels.get("spanwise_owner", "")
    for one in series:
        name, service = one["metric"].get("__name__", ""), one["metric"]["service_name"]
        if service in services and name not in BY_SERIES and name not in records:
            services[service]["names"].add(name)
    for one in objectives:
        if one["metric"].get("service_name") in services:
            services[one["metric"]["service_name"]]["slos"].add(one["metric"].get("slo", ""))
    for entry in services.values():
        entry["metrics"] = list(_scraped(entry.pop("names"), scraped))
    return _sorted(_service(prometheus.url, entry) for entry in services.values())


def _scraped(names: Iterable[str], metadata: dict[str, list[dict[str, str]]]) -> Iterable[dict[str, Any]]:
    families = {name: name for name in names}
    for name in list(families):
        for suffix in ("_bucket", "_sum", "_count"):
            if name.endswith(suffix) and name.removesuffix(suffix) in metadata:
                families[name] = name.removesuffix(suffix)
    for family in sorted(set(families.values())):
        said = (metadata.get(family) or metadata.get(family.removesuffix("_total")) or [{}])[0]
        if said.get("type") in _KINDS and not family.endswith("_created"):
            yield {"name": family, "kind": said["type"], "description": said.get("help", "")}


def _get(url: str, who: str) -> dict[str, Any]:
    try:
        answer = requests.get(url, timeout=TIMEOUT_S)
        answer.raise_for_status()
        document = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise DiscoveryError(f"{who} does not answer at {url}: {type(error).__name__}. Is the address right?") from None
    if not isinstance(document, dict):
        raise DiscoveryError(f"{who} answers at {url}, but not with a JSON object")
    return document


def _sorted(services: Iterable[Service]) -> list[Service]:
    return sorted(services, key=lambda one: one.name)
