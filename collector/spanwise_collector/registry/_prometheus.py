"""The registry as Prometheus' HTTP service discovery wants it: https://prometheus.io/docs/prometheus/latest/http_sd/"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spanwise.standard import IDENTITY_ATTRIBUTES, IDENTITY_LABELS, UNKNOWN
from spanwise_collector.registry._instances import Instance
from spanwise_collector.registry._registration import split_target

_ATTRIBUTE_OF = {label: attribute for attribute, label in IDENTITY_ATTRIBUTES.items()}


def http_sd(instances: Iterable[Instance]) -> list[dict[str, Any]]:
    """One target group for each instance that has metrics.

    The identity is in target labels, so the target is asked for lines without it (`?identity=target`).
    """
    groups = []
    for instance in instances:
        if instance.registration.metrics is None:
            continue
        address, path = split_target(instance.registration.metrics)
        identity = instance.registration.identity
        labels = {label: identity.get(_ATTRIBUTE_OF[label]) or UNKNOWN for label in IDENTITY_LABELS}
        labels |= {"__metrics_path__": path, "__param_identity": "target", "instance": address}
        groups.append({"targets": [address], "labels": labels})
    return groups
